"""Layers that find the K best candidates of a query: `BruteForce` and `Streaming`.

    index = BruteForce(query_model).index(item_vectors, titles)
    scores, found = index(np.array(["42"]), k=3)

They are the face of retrieval inside Keras. To serve, `shortlist.index` is smaller and faster.
"""

from __future__ import annotations

from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras
import numpy as np
from keras import ops

from shortlist.errors import DataError
from shortlist.layers._identifiers import kept, top
from shortlist.layers._streaming import Streaming
from shortlist.layers._top_k import NotIndexedError, TopK

Tensor = Any

__all__ = ["BruteForce", "Streaming", "TopK"]


@keras.saving.register_keras_serializable(package="shortlist")
class BruteForce(TopK):
    """Finds the best candidates by scoring all of them; see `TopK`.

    ``save("index.keras")`` keeps the candidates, their identifiers and the query model, and
    `keras.models.load_model` brings them back.

    >>> index = BruteForce(k=2).index(np.eye(3, dtype="float32"), np.array([10, 20, 30]))
    >>> scores, found = index(np.array([[0.1, 0.3, 0.2]], dtype="float32"))
    >>> ops.convert_to_numpy(found).tolist()
    [[20, 30]]
    """

    _candidates: Any = None
    _identifiers: Any = None

    def index(self, candidates: Any, identifiers: Any = None) -> BruteForce:
        """See `TopK.index`.

        Raises:
            DataError: the candidates are not two-dimensional, or the identifiers not as many.
        """
        candidates = ops.convert_to_tensor(candidates, "float32")
        if len(candidates.shape) != 2:
            raise DataError(
                "BruteForce expected candidates [N, D]; received a tensor of shape "
                f"{tuple(candidates.shape)}."
            )
        if identifiers is None:
            identifiers = np.arange(candidates.shape[0], dtype="int32")
        if not hasattr(identifiers, "shape"):
            identifiers = np.asarray(identifiers)
        if tuple(identifiers.shape) != (candidates.shape[0],):
            raise DataError(
                f"BruteForce expected an identifier for each of the {candidates.shape[0]} "
                f"candidates; received an array of shape {tuple(identifiers.shape)}."
            )
        if self._candidates is not None:
            del self._candidates
        self._candidates = keras.Variable(candidates, trainable=False, name="candidates")
        self._identifiers = kept(identifiers)
        return self

    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Any]:
        """See `TopK.search`."""
        self._check_indexed()
        scores = ops.matmul(queries, ops.transpose(self._candidates))
        scores, columns = top(scores, k)
        if isinstance(self._identifiers, np.ndarray):
            return scores, self._identifiers[ops.convert_to_numpy(columns)]
        return scores, ops.take(self._identifiers, columns, axis=0)

    def corpus(self) -> tuple[Any, Tensor]:
        """Identifiers and embeddings."""
        self._check_indexed()
        return self._identifiers, ops.convert_to_tensor(self._candidates)

    def is_exact(self) -> bool:
        """True."""
        return True

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        model = self.query_model
        serialized = None if model is None else keras.saving.serialize_keras_object(model)
        return {"query_model": serialized, "k": self._k, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> BruteForce:
        """The layer of `get_config`, without candidates."""
        model = config["query_model"]
        if model is not None:
            model = keras.saving.deserialize_keras_object(model, custom_objects=custom_objects)
        return cls(**{**config, "query_model": model})

    def save_own_variables(self, store: Any) -> None:
        """Write candidates and identifiers; strings as their bytes and where each ends."""
        if self._candidates is None:
            return
        store["candidates"] = ops.convert_to_numpy(self._candidates)
        identifiers = self._identifiers
        if not isinstance(identifiers, np.ndarray):
            identifiers = ops.convert_to_numpy(identifiers)
        if identifiers.dtype.kind not in "OSUT":
            store["identifiers"] = identifiers
            return
        words = [w if isinstance(w, bytes) else str(w).encode() for w in identifiers.tolist()]
        store["bytes"] = np.frombuffer(b"".join(words), dtype=np.uint8)
        store["ends"] = np.cumsum([len(word) for word in words])

    def load_own_variables(self, store: Any) -> None:
        """Take the candidates and identifiers that `save_own_variables` wrote."""
        if "candidates" not in store:
            return
        if "identifiers" in store:
            self.index(np.asarray(store["candidates"]), np.asarray(store["identifiers"]))
            return
        joined, ends = bytes(np.asarray(store["bytes"])), np.asarray(store["ends"]).tolist()
        words = [joined[i:j].decode() for i, j in zip([0, *ends], ends, strict=False)]
        self.index(np.asarray(store["candidates"]), np.array(words))

    def _check_indexed(self) -> None:
        if self._candidates is None:
            raise NotIndexedError(
                "BruteForce was asked before it had candidates. Call index() or "
                "index_from_dataset() first."
            )
