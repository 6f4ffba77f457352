"""`TopK`: what layers that find the K best candidates have in common."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

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


class TopK(keras.Model, abc.ABC):
    """A layer that finds the best candidates of queries.

    Called with queries, it returns ``(scores [B, K], identifiers [B, K])``, best first. Write
    ``index``, ``call`` and ``is_exact``; the rest is here.

    Args:
        k: how many candidates, where a call does not say.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.
    """

    def __init__(self, k: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
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
    def call(self, queries: Any, k: int | None = None) -> tuple[Tensor, Any]:
        """Find the best candidates.

        Args:
            queries: what ``query_model`` takes, or query embeddings ``[B, D]`` without one.
            k: how many; by default as the layer was made.

        Returns:
            ``(scores [B, K], identifiers [B, K])``.
        """

    @abc.abstractmethod
    def is_exact(self) -> bool:
        """Whether exactly the best candidates are found."""

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
        scores, found = self.call(queries, k=k + ops.shape(exclusions)[1])
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
