"""`TopK`: what layers that find the K best candidates have in common."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist._backend import saved_model
from shortlist._backend.softmax import integer_ids
from shortlist.errors import DataError, NotFittedError
from shortlist.layers._identifiers import (
    are_strings,
    exclude_words,
    join_identifiers,
    split_batch,
    take_along_rows,
    top,
)

Tensor = Any


class NotIndexedError(NotFittedError, ValueError):
    """A layer was asked for candidates before it was given any."""


class Untracked:
    """Keeps Keras from copying what a layer holds."""

    def __init__(self, value: Any) -> None:
        self.value = value


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
        self._asked_with = Untracked(None)
        self._saved = Untracked(None)
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
        if keras.backend.backend() == "tensorflow" and self._asked_with.value is None:
            self._asked_with.value = [saved_model.describe(queries)]
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
        scores, found = self.search(self._embedded(queries), k + ops.shape(exclusions)[1])
        if isinstance(found, np.ndarray):
            return exclude_words(scores, found, exclusions, k)
        given = ops.convert_to_tensor(exclusions)
        sought = ops.cast(integer_ids(given), integer_ids(found).dtype)
        same = ops.equal(integer_ids(found)[:, :, None], sought[:, None, :])
        scores = ops.where(ops.any(same, axis=-1), -float("inf"), scores)
        scores, columns = top(scores, k)
        found = take_along_rows(found, columns)
        nothing = ops.convert_to_tensor("" if are_strings(found) else -1, dtype=found.dtype)
        return scores, ops.where(scores == -float("inf"), nothing, found)

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",  # noqa: A002 - Keras' name
        verbose: Any = None,
        **options: Any,
    ) -> None:
        """Write what other programs can load.

        On TensorFlow, by default, a SavedModel that plain TensorFlow loads: ``serve(queries, k)``
        and ``query_with_exclusions(queries, exclusions, k)``, with batches of any size and, where
        wanted, ``k`` as a scalar ``int32`` tensor; its signature ``serving_default`` gives
        ``scores`` and ``identifiers``. Else as `keras.Model.export`.

        Args:
            filepath: the folder to write.
            format: "tf_saved_model", or another of Keras'.
            verbose: whether Keras prints what it wrote.
            **options: of `keras.Model.export`; ``input_signature=[...]`` describes the queries of
                a layer that has not been called yet.
        """
        if keras.backend.backend() != "tensorflow" or format != "tf_saved_model":
            super().export(filepath, format=format, verbose=verbose, **options)
            return
        given = options.get("input_signature")
        known = [saved_model.describe(q) for q in given] if given else self._asked_with.value
        queries = known[0] if known else None
        saved_model.write(self, str(filepath), queries, self._identifier_dtype())

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> Any:
        """What TensorFlow saves: for a SavedModel, also the functions that search."""
        children = dict(super()._trackable_children(save_type, **kwargs))
        if save_type != "savedmodel" or self._asked_with.value is None:
            return children
        if self._saved.value is None:
            dtype = self._identifier_dtype()
            self._saved.value = saved_model.functions(self, self._asked_with.value[0], dtype)
        return {**children, **self._saved.value}

    def _identifier_dtype(self) -> str:
        """Of the identifiers it finds."""
        return "int32"

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
