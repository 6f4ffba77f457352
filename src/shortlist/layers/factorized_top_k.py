"""Layers that find the K best candidates of a query: `BruteForce` and `Streaming`.

    index = BruteForce(query_model).index(item_vectors, titles)
    scores, found = index(np.array(["42"]), k=3)

They are the face of retrieval inside Keras. To serve, `shortlist.index` is smaller and faster.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator
from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras
import numpy as np
from keras import ops

from shortlist._backend.softmax import integer_ids
from shortlist.errors import ConfigError, DataError, NotFittedError

Tensor = Any

__all__ = ["BruteForce", "Streaming", "TopK"]


class NotIndexedError(NotFittedError, ValueError):
    """A layer was asked for candidates before it was given any."""


class TopK(keras.Model, abc.ABC):
    """A layer that finds the best candidates of queries by inner product.

    Called with queries, it returns ``(scores [B, K], identifiers [B, K])``, best first. Of equal
    scores the candidate that was added first comes first (on PyTorch the order is not defined).
    There are fewer than ``k`` columns where there are fewer candidates. Write ``index``,
    ``search``, ``corpus`` and ``is_exact``.

    Identifiers are integers or strings. Where a backend has no tensors of strings (JAX, PyTorch)
    found strings come as a NumPy array, outside compiled functions alone.

    Args:
        query_model: makes query embeddings ``[B, D]`` of what the layer is called with; None
            where it is called with embeddings.
        k: how many candidates, where a call does not say.
        name: the layer's name.
    """

    def __init__(
        self, query_model: Any = None, k: int = 10, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.query_model = query_model
        self._k = k
        # There is nothing to build, and Keras lets no one exchange the candidates once it did.
        self.built = True

    @abc.abstractmethod
    def index(self, candidates: Any, identifiers: Any = None) -> TopK:
        """Take candidates, in place of any taken before.

        Args:
            candidates: ``[N, D]`` embeddings.
            identifiers: ``[N]`` integers or strings; the row numbers by default.

        Returns:
            The layer itself.
        """

    def index_from_dataset(self, candidates: Iterable[Any]) -> TopK:
        """Take candidates from batches of embeddings, or of ``(identifiers, embeddings)``.

        Args:
            candidates: a `tf.data.Dataset` or any iterable.

        Returns:
            The layer itself.
        """
        batches = [split_batch(batch) for batch in candidates]
        if not batches:
            raise DataError("index_from_dataset expected batches of candidates; received none.")
        embeddings = ops.concatenate([ops.convert_to_tensor(x) for _, x in batches])
        if batches[0][0] is None:
            return self.index(embeddings)
        return self.index(embeddings, join_identifiers([ids for ids, _ in batches]))

    @abc.abstractmethod
    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Any]:
        """Scores and identifiers ``[B, k]`` for query embeddings ``[B, D]``."""

    @abc.abstractmethod
    def corpus(self) -> Any:
        """The candidates, as `FactorizedTopK` takes them."""

    @abc.abstractmethod
    def is_exact(self) -> bool:
        """Whether exactly the best candidates are found."""

    def call(self, queries: Any, k: int | None = None) -> tuple[Tensor, Any]:
        """Find the best candidates.

        Args:
            queries: what ``query_model`` takes, or query embeddings ``[B, D]`` without one.
            k: how many; by default as the layer was made.

        Returns:
            ``(scores [B, K], identifiers [B, K])``.
        """
        return self.search(self._embedded(queries), self._k if k is None else k)

    def query_with_exclusions(
        self, queries: Any, exclusions: Any, k: int | None = None
    ) -> tuple[Tensor, Any]:
        """Find the best candidates but for those excluded.

        Args:
            queries: as in a call.
            exclusions: ``[B, E]`` identifiers that must not be found, for instance those seen.
            k: how many; by default as the layer was made.

        Returns:
            ``(scores [B, K], identifiers [B, K])``. Where fewer than ``k`` candidates are left, the
            last places have the score ``-inf`` and the identifier ``-1`` or ``""``: what is
            excluded never comes back.
        """
        k = self._k if k is None else k
        if not isinstance(exclusions, np.ndarray) and not ops.is_tensor(exclusions):
            exclusions = np.asarray(exclusions)
        scores, found = self.search(self._embedded(queries), k + exclusions.shape[1])
        if isinstance(found, np.ndarray):
            return _exclude_words(scores, found, exclusions, k)
        given = ops.convert_to_tensor(exclusions)
        sought = ops.cast(integer_ids(given), integer_ids(found).dtype)
        same = ops.equal(integer_ids(found)[:, :, None], sought[:, None, :])
        scores = ops.where(ops.any(same, axis=-1), -float("inf"), scores)
        scores, columns = _top(scores, k)
        found = _take_along_rows(found, columns)
        nothing = ops.convert_to_tensor("" if _are_strings(found) else -1, dtype=found.dtype)
        return scores, ops.where(scores == -float("inf"), nothing, found)

    def _embedded(self, queries: Any) -> Tensor:
        if self.query_model is not None:
            queries = self.query_model(queries)
        queries = ops.convert_to_tensor(queries)
        if len(queries.shape) != 2:
            raise DataError(
                f"{type(self).__name__} expected query embeddings [B, D]; received a tensor of "
                f"shape {tuple(queries.shape)}."
            )
        return queries


class BruteForce(TopK):
    """Finds the best candidates by scoring all of them; see `TopK`.

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
        self._identifiers = _kept(identifiers)
        return self

    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Any]:
        """See `TopK.search`."""
        self._check_indexed()
        scores = ops.matmul(queries, ops.transpose(self._candidates))
        scores, columns = _top(scores, k)
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

    def _check_indexed(self) -> None:
        if self._candidates is None:
            raise NotIndexedError(
                "BruteForce was asked before it had candidates. Call index() or "
                "index_from_dataset() first."
            )


class Streaming(TopK):
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
        **kwargs: Any,
    ) -> None:
        super().__init__(query_model, k, name, **kwargs)
        self._source = _Untracked(None)

    def index(self, candidates: Any, identifiers: Any = None) -> Streaming:  # noqa: ARG002
        """Not possible: the candidates come from a data set."""
        raise ConfigError("Streaming expected a data set. Call index_from_dataset() instead.")

    def index_from_dataset(self, candidates: Iterable[Any]) -> Streaming:
        """See `TopK.index_from_dataset`; the data set must be readable again and again."""
        if isinstance(candidates, Iterator):
            raise ConfigError(
                "Streaming reads its candidates for each call and expected a data set or a list; "
                "received an iterator, which can be read only once."
            )
        self._source = _Untracked(candidates)
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
            kept = _kept(identifiers)
            best = _better(best, _best_of(queries, embeddings, kept, k), k)
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


class _Untracked:
    """Keeps Keras from copying what a layer holds."""

    def __init__(self, value: Any) -> None:
        self.value = value


def split_batch(batch: Any) -> tuple[Any, Any]:
    """Identifiers (or None) and embeddings ``[N, D]`` of a batch of candidates.

    Raises:
        DataError: it is neither embeddings nor a pair of as many identifiers and embeddings.
    """
    parts = batch if isinstance(batch, tuple) else (None, batch)
    if len(parts) != 2:
        raise DataError(
            "Expected batches of embeddings, or pairs of identifiers and embeddings; received a "
            f"tuple of {len(parts)}."
        )
    identifiers, embeddings = parts
    if len(embeddings.shape) != 2:
        raise DataError(
            "Expected candidate embeddings [N, D], or pairs of identifiers [N] and embeddings; "
            f"received a batch of shape {tuple(embeddings.shape)}."
        )
    if identifiers is not None and identifiers.shape[0] != embeddings.shape[0]:
        raise DataError(
            f"Expected an identifier for each of the {embeddings.shape[0]} candidates of a batch; "
            f"received {identifiers.shape[0]}."
        )
    return identifiers, embeddings


def join_identifiers(parts: list[Any]) -> Any:
    """The identifiers of several batches as one array or tensor."""
    if all(isinstance(ids, np.ndarray) for ids in parts):
        return np.concatenate(parts)
    return ops.concatenate([ops.convert_to_tensor(ids) for ids in parts])


def _are_strings(values: Any) -> bool:
    return "str" in str(values.dtype)


def _kept(identifiers: Any) -> Any:
    """A tensor, or a NumPy array of strings where the backend has no tensors of them."""
    words = isinstance(identifiers, np.ndarray) and identifiers.dtype.kind in "OSUT"
    if words and keras.backend.backend() != "tensorflow":
        return identifiers
    return ops.convert_to_tensor(identifiers)


def _top(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The ``k`` best of each row, or all where there are fewer."""
    width = scores.shape[1]
    return ops.top_k(
        scores, ops.minimum(k, ops.shape(scores)[1]) if width is None else min(k, width)
    )


def _take_along_rows(values: Any, columns: Tensor) -> Any:
    """``values[b, columns[b, k]]``, for strings too."""
    if isinstance(values, np.ndarray):
        return np.take_along_axis(values, ops.convert_to_numpy(columns), axis=1)
    width = ops.shape(values)[1]
    offsets = ops.arange(ops.shape(values)[0], dtype=columns.dtype)[:, None]
    places = offsets * ops.cast(width, columns.dtype) + columns
    return ops.take(ops.reshape(values, (-1,)), places, axis=0)


def _exclude_words(
    scores: Tensor, found: np.ndarray, exclusions: Any, k: int
) -> tuple[Tensor, np.ndarray]:
    """As in `TopK.query_with_exclusions`, for strings outside TensorFlow."""
    values = np.array(ops.convert_to_numpy(scores))
    values[(found[:, :, None] == np.asarray(exclusions)[:, None, :]).any(axis=-1)] = -np.inf
    columns = np.argsort(-values, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(values, columns, axis=1)
    words = np.where(np.isneginf(values), "", np.take_along_axis(found, columns, axis=1))
    return ops.convert_to_tensor(values), words


def _best_of(queries: Tensor, embeddings: Any, identifiers: Any, k: int) -> tuple[Tensor, Any]:
    scores = ops.matmul(queries, ops.transpose(ops.cast(embeddings, queries.dtype)))
    scores, columns = _top(scores, k)
    if isinstance(identifiers, np.ndarray):
        return scores, identifiers[ops.convert_to_numpy(columns)]
    return scores, ops.take(identifiers, columns, axis=0)


def _better(
    best: tuple[Tensor, Any] | None, more: tuple[Tensor, Any], k: int
) -> tuple[Tensor, Any]:
    """The best of two lists; of equal scores the first list's come first."""
    if best is None:
        return more
    scores = ops.concatenate([best[0], more[0]], axis=1)
    join = np.concatenate if isinstance(best[1], np.ndarray) else ops.concatenate
    found = join([best[1], more[1]], axis=1)
    scores, columns = _top(scores, k)
    return scores, _take_along_rows(found, columns)


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
        new = ops.matmul(queries, ops.transpose(ops.cast(embeddings, queries.dtype)))
        joined = ops.concatenate([scores, new], axis=1)
        names = ops.broadcast_to(identifiers[None], ops.shape(new))
        names = ops.concatenate([found, names], axis=1)
        best, columns = _top(joined, k)
        return after, best, _take_along_rows(names, columns)

    nothing = ops.zeros((rows, 0), dtype=queries.dtype), ops.zeros((rows, 0), dtype=dtype)
    _, scores, found = dataset.reduce((0, *nothing), better)
    return scores, found
