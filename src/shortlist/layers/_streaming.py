"""`Streaming`: the K best candidates of a data set, read anew for each call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist._backend.products import products, rows_at
from shortlist.errors import ConfigError, DataError
from shortlist.layers._finder import Finder, Untracked
from shortlist.layers._identifiers import kept, split_batch, take_along_rows, top
from shortlist.layers._refused import RefusedError
from shortlist.layers._top_k import NotIndexedError

Tensor = Any


class Streaming(Finder):
    """Finds the best candidates of a data set that is read anew for each call; see `TopK`.

    On TensorFlow a `tf.data.Dataset` is read inside the graph. Other iterables, and other
    backends, are read outside compiled functions alone.

    >>> batches = [np.eye(4, dtype="float32")[:3], np.eye(4, dtype="float32")[3:]]
    >>> index = Streaming(k=2).index_from_dataset(batches)
    >>> scores, found = index(np.array([[0.1, 0.3, 0.2, 0.4]], dtype="float32"))
    >>> ops.convert_to_numpy(found).tolist()
    [[3, 1]]
    """

    def __init__(
        self,
        query_model: Any = None,
        k: int = 10,
        name: str | None = None,
    ) -> None:
        super().__init__(query_model, k, name)
        self._source = Untracked(None)

    def index(self, candidates: Any, identifiers: Any = None) -> Streaming:  # noqa: ARG002
        """Not possible: the candidates come from a data set."""
        raise RefusedError("Streaming expected a data set. Call index_from_dataset() instead.")

    def index_from_dataset(self, candidates: Iterable[Any]) -> Streaming:
        """See `TopK.index_from_dataset`; the data set must be readable again and again."""
        if isinstance(candidates, Iterator):
            raise ConfigError(
                "Streaming reads its candidates for each call and expected a data set or a list; "
                "received an iterator, which can be read only once."
            )
        self._source = Untracked(candidates)
        return self

    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Any]:
        """See `TopK.search`."""
        source = self.corpus()
        if keras.backend.backend() == "tensorflow" and hasattr(source, "element_spec"):
            return _search_dataset(source, queries, k)
        best: tuple[Tensor, Any] | None = None
        first = 0
        for batch in source:
            identifiers, embeddings = split_batch(batch)
            if identifiers is None:
                identifiers = np.arange(first, first + embeddings.shape[0], dtype="int32")
                first += embeddings.shape[0]
            names = kept(identifiers)
            best = _better(best, _best_of(queries, embeddings, names, k), k)
        if best is None:
            raise DataError("Streaming expected candidates; its data set is empty.")
        return best

    def corpus(self) -> Any:
        """The data set."""
        if self._source.value is None:
            raise NotIndexedError(
                "Streaming was asked before it had candidates. Call index_from_dataset() first."
            )
        return self._source.value

    def is_exact(self) -> bool:
        """True."""
        return True

    def _check_exportable(self) -> None:
        raise ConfigError(
            "Streaming reads its candidates from a data set and has none to export. Index them "
            "with BruteForce and export that."
        )


def _best_of(queries: Tensor, embeddings: Any, identifiers: Any, k: int) -> tuple[Tensor, Any]:
    scores = products(queries, ops.cast(embeddings, queries.dtype))
    scores, columns = top(scores, k)
    if isinstance(identifiers, np.ndarray):
        return scores, identifiers[ops.convert_to_numpy(columns)]
    return scores, rows_at(identifiers, columns)


def _better(
    best: tuple[Tensor, Any] | None, more: tuple[Tensor, Any], k: int
) -> tuple[Tensor, Any]:
    """The best of two lists; of equal scores the first list's come first."""
    if best is None:
        return more
    scores = ops.concatenate([best[0], more[0]], axis=1)
    join = np.concatenate if isinstance(best[1], np.ndarray) else ops.concatenate
    found = join([best[1], more[1]], axis=1)
    scores, columns = top(scores, k)
    return scores, take_along_rows(found, columns)


def _search_dataset(dataset: Any, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Reduce a `tf.data.Dataset` to its best candidates, inside the graph where there is one."""
    split_batch(dataset.element_spec)
    named = isinstance(dataset.element_spec, tuple)
    dtype = dataset.element_spec[0].dtype.name if named else "int32"
    rows = ops.shape(queries)[0]

    def better(state: tuple[Tensor, ...], batch: Any) -> tuple[Tensor, ...]:
        first, scores, found = state
        identifiers, embeddings = batch if named else (None, batch)
        after = first + ops.shape(embeddings)[0]
        if identifiers is None:
            identifiers = ops.arange(first, after, dtype="int32")
        new = products(queries, ops.cast(embeddings, queries.dtype))
        joined = ops.concatenate([scores, new], axis=1)
        names = ops.broadcast_to(identifiers[None], ops.shape(new))
        names = ops.concatenate([found, names], axis=1)
        best, columns = top(joined, k)
        return after, best, take_along_rows(names, columns)

    nothing = ops.zeros((rows, 0), dtype=queries.dtype), ops.zeros((rows, 0), dtype=dtype)
    _, scores, found = dataset.reduce((0, *nothing), better)
    return scores, found
