"""`ScaNN`: the K best candidates by the approximate search of the library of that name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, DataError
from shortlist.index.scann import load_scann
from shortlist.layers._finder import Untracked
from shortlist.layers._held import Held

Tensor = Any


@keras.saving.register_keras_serializable(package="shortlist")
class ScaNN(Held):
    """Finds candidates approximately, with the library ``scann`` (Linux); see `TopK`.

    It searches outside compiled functions alone. It is saved as ``.keras``, with what the library
    has learned, and finds the same when loaded; use `BruteForce` to export a SavedModel. One query
    ``[D]`` alone gives ``[K]``.

    Args:
        query_model: makes query embeddings of what the layer is called with.
        k: how many candidates, where a call does not say.
        distance_measure: "dot_product" or "squared_l2".
        num_leaves: into how many parts the candidates are divided.
        num_leaves_to_search: how many of them are searched.
        training_iterations: of the division.
        dimensions_per_block: more compress more, and find less.
        num_reordering_candidates: how many of the first found are scored exactly; None for none.
        parallelize_batch_searches: whether the queries of a batch are spread over threads.
        name: the layer's name.

    Raises:
        MissingDependencyError: ``scann`` is not installed.
    """

    _ranks: ClassVar[dict[int, str]] = {2: "[B, D]", 1: "[D]"}

    def __init__(
        self,
        query_model: Any = None,
        k: int = 10,
        distance_measure: str = "dot_product",
        num_leaves: int = 100,
        num_leaves_to_search: int = 10,
        training_iterations: int = 12,
        dimensions_per_block: int = 2,
        num_reordering_candidates: int | None = None,
        parallelize_batch_searches: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(query_model, k, name)
        self._library = Untracked(load_scann("The ScaNN layer"))
        self._searcher = Untracked(None)
        self._options = Untracked(
            {
                "distance_measure": distance_measure,
                "num_leaves": num_leaves,
                "num_leaves_to_search": num_leaves_to_search,
                "training_iterations": training_iterations,
                "dimensions_per_block": dimensions_per_block,
                "num_reordering_candidates": num_reordering_candidates,
                "parallelize_batch_searches": parallelize_batch_searches,
            }
        )

    def index(self, candidates: Any, identifiers: Any = None) -> ScaNN:
        """See `TopK.index`."""
        super().index(candidates, identifiers)
        self._searcher.value = self._built()
        return self

    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Any]:
        """See `TopK.search`; places not filled have the score -inf and no identifier."""
        self._check(queries)
        if len(queries.shape) == 1:
            scores, found = self.search(queries[None], k)
            return scores[0], found[0]
        if self._searcher.value is None:  # of a file without what the library had learned
            self._searcher.value = self._built()
        searcher = self._searcher.value
        parallel = self._options.value["parallelize_batch_searches"]
        search = searcher.search_batched_parallel if parallel else searcher.search_batched
        columns, scores = search(
            ops.convert_to_numpy(queries), final_num_neighbors=min(k, self._candidates.shape[0])
        )
        return self._outcome(columns, scores, np.isnan(scores))

    def is_exact(self) -> bool:
        """False."""
        return False

    def save_assets(self, dir_path: str) -> None:
        """Write what the library has learned; training it anew would find slightly different."""
        if self._searcher.value is not None:
            self._searcher.value.serialize(dir_path, relative_path=True)

    def load_assets(self, dir_path: str) -> None:
        """Take what `save_assets` wrote.

        Raises:
            DataError: it is damaged, or of other candidates.
        """
        if not any(Path(dir_path).iterdir()):
            return
        try:
            searcher = self._library.value.load_searcher(dir_path)
            size = int(searcher.size())
        except (RuntimeError, ValueError, OSError) as error:
            raise DataError(f"The saved ScaNN layer holds nothing ScaNN reads: {error}.") from error
        held = 0 if self._candidates is None else int(self._candidates.shape[0])
        if size != held:
            raise DataError(
                f"The saved ScaNN layer was trained on {size} candidates and holds {held}. Index "
                "the candidates and save it anew."
            )
        self._searcher.value = searcher

    def _restore(self, candidates: np.ndarray, identifiers: np.ndarray) -> None:
        # Not trained here: `load_assets` comes next.
        super().index(candidates, identifiers)
        self._searcher.value = None

    def _built(self) -> Any:
        options = self._options.value
        rows = ops.convert_to_numpy(self._candidates)
        builder = self._library.value.builder(rows, self._k, options["distance_measure"])
        builder = builder.tree(
            num_leaves=options["num_leaves"],
            num_leaves_to_search=options["num_leaves_to_search"],
            training_iterations=options["training_iterations"],
        ).score_ah(dimensions_per_block=options["dimensions_per_block"])
        if options["num_reordering_candidates"] is not None:
            builder = builder.reorder(options["num_reordering_candidates"])
        return builder.build()

    def _check_exportable(self) -> None:
        raise ConfigError(
            "ScaNN searches outside TensorFlow graphs and cannot be exported. Save it as .keras, "
            "or index the same candidates with BruteForce and export that."
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), **self._options.value}
