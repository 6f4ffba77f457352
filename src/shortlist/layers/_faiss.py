"""`Faiss`: the K best candidates by `shortlist.index.Faiss`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist._backend.products import products
from shortlist.index import Faiss as Engine
from shortlist.layers._finder import Untracked
from shortlist.layers._held import Held
from shortlist.layers._identifiers import top

Tensor = Any


@keras.saving.register_keras_serializable(package="shortlist")
class Faiss(Held):
    """Finds candidates with `shortlist.index.Faiss` (``shortlist[faiss]``); see `TopK`.

    It is saved as ``.keras`` with its candidates, and indexed anew when loaded. In a TensorFlow
    graph, and so in an exported SavedModel, it scores all candidates, as `BruteForce` does; on JAX
    it searches outside compiled functions alone.

    Args:
        query_model: makes query embeddings of what the layer is called with.
        k: how many candidates, where a call does not say.
        kind: of `shortlist.index.Faiss`, as are the next four.
        parts: into how many parts the candidates are divided.
        searched: how many of them are searched.
        rescored: how many candidates are scored exactly, as a multiple of ``k``.
        threads: of a search.
        name: the layer's name.

    Raises:
        MissingDependencyError: faiss is not installed.
    """

    def __init__(
        self,
        query_model: Any = None,
        k: int = 10,
        kind: str | None = None,
        parts: int | None = None,
        searched: int = 64,
        rescored: float = 8.0,
        threads: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(query_model, k, name)
        self._options = Untracked(
            {
                "kind": kind,
                "parts": parts,
                "searched": searched,
                "rescored": rescored,
                "threads": threads,
            }
        )
        self._engine = Untracked(Engine(**self._options.value))

    def index(self, candidates: Any, identifiers: Any = None) -> Faiss:
        """See `TopK.index`."""
        super().index(candidates, identifiers)
        rows = ops.convert_to_numpy(self._candidates)
        self._engine.value = Engine(**self._options.value).build(rows, np.arange(len(rows)))
        return self

    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Any]:
        """See `TopK.search`; places not filled have the score -inf and no identifier."""
        self._check(queries)
        if keras.backend.backend() == "tensorflow" and not hasattr(queries, "numpy"):
            scores, columns = top(products(queries, self._candidates), k)
            return scores, self._named(columns)
        width = min(int(k), self._candidates.shape[0])
        ranked = self._engine.value.search(ops.convert_to_numpy(queries), width)
        return self._outcome(ranked.ids, ranked.scores, ~ranked.valid)

    def is_exact(self) -> bool:
        """Whether all candidates are scored."""
        return bool(self._engine.value.is_exact)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), **self._options.value}
