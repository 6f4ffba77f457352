"""`Held`: what layers that keep their candidates in memory have in common."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist._backend.products import rows_at
from shortlist.errors import DataError
from shortlist.layers._finder import Finder
from shortlist.layers._identifiers import are_strings, kept
from shortlist.layers._top_k import NotIndexedError

Tensor = Any


class Held(Finder):
    """A top-k layer that keeps its candidates and identifiers, and saves them."""

    _candidates: Any = None
    _identifiers: Any = None

    def index(self, candidates: Any, identifiers: Any = None) -> Held:
        """See `TopK.index`.

        Raises:
            DataError: the candidates are not two-dimensional, or the identifiers not as many.
        """
        candidates = ops.convert_to_tensor(candidates, "float32")
        if len(candidates.shape) != 2:
            raise DataError(
                f"{type(self).__name__} expected candidates [N, D]; received a tensor of shape "
                f"{tuple(candidates.shape)}."
            )
        if identifiers is None:
            identifiers = np.arange(candidates.shape[0], dtype="int32")
        if not hasattr(identifiers, "shape"):
            identifiers = np.asarray(identifiers)
        if tuple(identifiers.shape) != (candidates.shape[0],):
            raise DataError(
                f"{type(self).__name__} expected an identifier for each of the "
                f"{candidates.shape[0]} candidates; received an array of shape "
                f"{tuple(identifiers.shape)}."
            )
        if self._candidates is not None:
            del self._candidates
        self._candidates = keras.Variable(candidates, trainable=False, name="candidates")
        self._identifiers = kept(identifiers)
        self._saved.value = None
        return self

    def corpus(self) -> tuple[Any, Tensor]:
        """Identifiers and embeddings."""
        self._check_indexed()
        return self._identifiers, ops.convert_to_tensor(self._candidates)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        model = self.query_model
        serialized = None if model is None else keras.saving.serialize_keras_object(model)
        return {"query_model": serialized, "k": self._k, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Held:
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
            self._restore(np.asarray(store["candidates"]), np.asarray(store["identifiers"]))
            return
        joined, ends = bytes(np.asarray(store["bytes"])), np.asarray(store["ends"]).tolist()
        words = [joined[i:j].decode() for i, j in zip([0, *ends], ends, strict=False)]
        self._restore(np.asarray(store["candidates"]), np.array(words))

    def _restore(self, candidates: np.ndarray, identifiers: np.ndarray) -> None:
        self.index(candidates, identifiers)

    def _identifier_dtype(self) -> str:
        self._check_indexed()
        return str(keras.backend.standardize_dtype(self._identifiers.dtype))

    def _check_indexed(self) -> None:
        if self._candidates is None:
            raise NotIndexedError(
                f"{type(self).__name__} was asked before it had candidates. Call index() or "
                "index_from_dataset() first."
            )

    def _check(self, queries: Tensor) -> None:
        self._check_indexed()
        if queries.shape[-1] not in (None, self._candidates.shape[1]):
            raise DataError(
                f"{type(self).__name__} expected queries [B, {self._candidates.shape[1]}], as wide "
                f"as its candidates; received a tensor of shape {tuple(queries.shape)}."
            )

    def _named(self, columns: Tensor) -> Any:
        """The identifiers of the candidates in these places."""
        if isinstance(self._identifiers, np.ndarray):
            return self._identifiers[ops.convert_to_numpy(columns)]
        return rows_at(self._identifiers, columns)

    def _outcome(self, columns: Any, scores: Any, missing: Any) -> tuple[Tensor, Any]:
        """What a search outside the backend found; where ``missing`` no identifier and -inf."""
        found = self._named(ops.convert_to_tensor(np.where(missing, 0, columns).astype("int32")))
        scores = ops.convert_to_tensor(np.where(missing, -np.inf, scores).astype("float32"))
        if isinstance(found, np.ndarray):
            return scores, np.where(missing, "", found)
        nothing = ops.convert_to_tensor("" if are_strings(found) else -1, dtype=found.dtype)
        return scores, ops.where(ops.convert_to_tensor(missing), nothing, found)
