"""Layers that find the K best candidates: `BruteForce`, `Faiss`, `ScaNN` and `Streaming`.

    index = BruteForce(query_model).index(item_vectors, titles)
    scores, found = index(np.array(["42"]), k=3)

They are the face of retrieval inside Keras. To serve, `shortlist.index` is smaller and faster.
"""

from __future__ import annotations

from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras
import numpy as np  # noqa: F401 - the example uses it
from keras import ops  # noqa: F401 - likewise

from shortlist._backend.products import products
from shortlist.layers._faiss import Faiss
from shortlist.layers._held import Held
from shortlist.layers._identifiers import top
from shortlist.layers._scann import ScaNN
from shortlist.layers._streaming import Streaming
from shortlist.layers._top_k import TopK

Tensor = Any

__all__ = ["BruteForce", "Faiss", "ScaNN", "Streaming", "TopK"]


@keras.saving.register_keras_serializable(package="shortlist")
class BruteForce(Held):
    """Finds the best candidates by scoring all of them; see `TopK`.

    ``save("index.keras")`` keeps the candidates, their identifiers and the query model, and
    `keras.models.load_model` brings them back.

    >>> index = BruteForce(k=2).index(np.eye(3, dtype="float32"), np.array([10, 20, 30]))
    >>> scores, found = index(np.array([[0.1, 0.3, 0.2]], dtype="float32"))
    >>> ops.convert_to_numpy(found).tolist()
    [[20, 30]]
    """

    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Any]:
        """See `TopK.search`."""
        self._check(queries)
        scores, columns = top(products(queries, self._candidates), k)
        return scores, self._named(columns)

    def is_exact(self) -> bool:
        """True."""
        return True
