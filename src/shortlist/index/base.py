"""`Index`: vectors and their ids in, the best few for each query out.

An engine implements the abstract methods below and subclasses `shortlist.testing.IndexTests` in its
tests. What every engine promises:

- results are sorted by score, and equal scores by the order in which the items were added
  (an exact engine exactly, an approximate one among what it finds);
- a removed or denied item never comes back, and a place that holds no item is never valid;
- a search during an update sees the index before it or after it, never a mixture.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from shortlist.bundle import Draft, Folder, read_folder, write_folder
from shortlist.errors import ConfigError, DataError, NotFittedError
from shortlist.ids import as_ids
from shortlist.ranked import Ranked

__all__ = [
    "Ids",
    "Index",
    "check_dim",
    "check_items",
    "check_k",
    "check_known",
    "check_vectors",
    "not_built",
    "without_attributes",
]

# A list of ids for each query, or one flat array of ids for all of them.
Ids = Sequence[Any] | np.ndarray

# Products of larger numbers overflow float32, and infinities that cancel make NaN.
_LARGEST = 1e17


class Index(abc.ABC):
    """Finds the items whose vectors have the largest inner product with a query."""

    @property
    @abc.abstractmethod
    def is_exact(self) -> bool:
        """Whether a search always finds the true best items."""

    @abc.abstractmethod
    def build(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> Self:
        """Replace the contents by ``vectors`` ``[N, D]`` with one distinct id a row.

        Args:
            vectors: ``[N, D]``, float.
            ids: ``N`` distinct ids of any hashable kind.
            attributes: a data frame with one row for each id, in their order, whose columns are
                what the ``where`` of `search` speaks of; None for none.

        Raises:
            DataError: no rows, NaN or infinite values, or ids or attributes that repeat or do not
                fit in number.
        """

    @abc.abstractmethod
    def search(
        self,
        queries: np.ndarray,
        k: int,
        allow: Ids | None = None,
        deny: Ids | None = None,
        where: str | None = None,
    ) -> Ranked:
        """Return the ``k`` best items for each of ``queries`` ``[B, D]``.

        Args:
            queries: ``[B, D]``, float.
            k: places in each list. Where fewer than ``k`` items are left, the places after them
                are invalid.
            allow: only these ids may come back: a list of ids for each query, or one flat NumPy
                array for all of them. An id that is not in the index is passed over.
            deny: these ids must not come back; given like ``allow`` and stronger than it.
            where: a condition on the attributes that what comes back must meet, such as
                ``'genre == "Comedy" and year >= 1990'`` (see `matching`); None for none.

        Raises:
            NotFittedError: nothing was built.
            ConfigError: ``k`` is not a positive integer, a filter is not of the form above, the
                condition cannot be read, or the index was built without attributes.
            SchemaError: the condition names a column that the attributes do not have.
            DataError: the queries are not finite numbers of shape ``[B, D]``.
        """

    @abc.abstractmethod
    def upsert(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> None:
        """Add items, or replace the vectors of ids that are here (they then count as added last).

        Args:
            vectors: ``[N, D]``, float.
            ids: ``N`` distinct ids.
            attributes: a row for each id, with the columns that `build` was given. Without it,
                items that are here keep theirs and new ones have none, so meet no condition.

        Raises:
            NotFittedError: nothing was built.
            ConfigError: attributes for an index that was built without.
            DataError: as for `build`; the index is then unchanged.
            SchemaError: the attributes do not have the columns or kinds they had; likewise.
        """

    @abc.abstractmethod
    def remove(self, ids: Any) -> None:
        """Take items out.

        Raises:
            NotFittedError: nothing was built.
            DataError: an id is not in the index, or is given twice; the index is then unchanged.
        """

    @abc.abstractmethod
    def vectors(self, ids: Any) -> np.ndarray:
        """The stored vectors ``[N, D]`` of ``ids``, in their order.

        Raises:
            NotFittedError: nothing was built.
            DataError: an id is not in the index.
        """

    @abc.abstractmethod
    def known(self, ids: Any) -> np.ndarray:
        """``[N]`` bool: which of ``ids`` are in the index.

        Raises:
            NotFittedError: nothing was built.
        """

    @abc.abstractmethod
    def __len__(self) -> int:
        """The number of items that can come back."""

    @abc.abstractmethod
    def stats(self) -> dict[str, Any]:
        """What the engine is and what it holds, ready for JSON."""

    @abc.abstractmethod
    def write(self, draft: Draft) -> None:
        """Write the index into a bundle, or a part of one."""

    @classmethod
    @abc.abstractmethod
    def read(cls, folder: Folder) -> Self:
        """Open what `write` wrote into a bundle, or a part of one."""

    def save(self, path: str | Path) -> None:
        """Write the index into the new folder ``path``, whole or not at all.

        Raises:
            NotFittedError: nothing was built.
            DataError: the ids are not all integers, all strings or all bytes.
            BundleError: the folder exists already or cannot be written.
        """
        write_folder(path, self.write, kind="index")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Open a saved index.

        Raises:
            BundleError: the folder is incomplete, altered, from a newer version or another engine.
        """
        return cls.read(read_folder(path, kind="index"))


def check_k(k: Any) -> int:
    """Return ``k`` as an int if it is a positive integer."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k <= 0:
        raise ConfigError(f"Expected k to be a positive integer; received {k!r}.")
    return int(k)


def check_vectors(name: str, vectors: Any) -> np.ndarray:
    """Return ``vectors`` as contiguous float32 ``[N, D]``; ``name`` is for the messages."""
    try:
        array = np.asarray(vectors)
    except (TypeError, ValueError) as error:  # rows of several lengths
        raise DataError(f"Expected {name} of shape [N, D]: {error}.") from None
    if array.ndim != 2:
        hint = " Add an axis: x[None, :]." if array.ndim == 1 else ""
        raise DataError(f"Expected {name} of shape [N, D]; received {array.shape}.{hint}")
    if array.dtype.kind not in "fiu":
        raise DataError(f"Expected {name} of floating-point numbers; received {array.dtype}.")
    # Written so that NaN, for which every comparison is False, is caught as well.
    if array.size and not (array.max() <= _LARGEST and array.min() >= -_LARGEST):
        row, column = np.argwhere(~(np.abs(array) <= _LARGEST))[0]
        raise DataError(
            f"Expected {name} of finite numbers below {_LARGEST:g}; "
            f"row {row} has {array[row, column]} in column {column}."
        )
    return np.ascontiguousarray(array, dtype=np.float32)


def check_dim(name: str, vectors: np.ndarray, dim: int) -> None:
    """Refuse vectors of another dimension than the index holds."""
    if vectors.shape[1] != dim:
        raise DataError(
            f"Expected {name} of dimension {dim}, as the index was built with; "
            f"received {vectors.shape[1]}."
        )


def check_items(vectors: Any, ids: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check vectors and their ids together; that ids are distinct is left to the `IdMap`."""
    array, listed = check_vectors("vectors", vectors), as_ids(ids)
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise DataError(f"Expected at least one vector; received an array of {array.shape}.")
    if len(array) != len(listed):
        raise DataError(
            f"Expected one id a vector; received {len(array)} vectors and {len(listed)} ids."
        )
    return array, listed


def not_built(index: Index) -> NotFittedError:
    """The error for using an index that holds nothing yet."""
    name = type(index).__name__
    return NotFittedError(f"This {name} index is empty. Call build(vectors, ids) or load(path).")


def without_attributes(index: Index) -> ConfigError:
    """The error for speaking of attributes to an index that holds none."""
    return ConfigError(
        f"This {type(index).__name__} index holds no attributes of its items. "
        "Call build(vectors, ids, attributes=...) with a data frame first."
    )


def check_known(ids: np.ndarray, places: np.ndarray) -> None:
    """Refuse ids that are not in the index, whose place is -1."""
    if (places < 0).any():
        missing = ids[places < 0].tolist()
        raise DataError(
            f"Expected ids that are in the index; {missing[0]!r} is not "
            f"({len(missing)} of {len(ids)} are not)."
        )
