"""Allow and deny lists as row numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.errors import ConfigError
from shortlist.ids import IdMap, as_ids, flatten
from shortlist.index._attributes import Passing

__all__ = ["Lists", "listed", "narrowed", "resolve"]


@dataclass(frozen=True, eq=False)
class Lists:
    """Rows that are meant for all queries, or for each its own.

    Attributes:
        rows: ascending and distinct if they are meant for all; as they were given otherwise.
        owners: the query of each row, ascending; None if the rows are meant for all.
        known_mask: the rows as a bitmap where that is at hand; only if they are meant for all.
    """

    rows: np.ndarray
    owners: np.ndarray | None
    known_mask: np.ndarray | None = None

    def mask(self, total: int) -> np.ndarray:
        """``[total]`` bool: the rows that are meant for all."""
        if self.known_mask is not None:
            return self.known_mask
        found = np.zeros(total, dtype=bool)
        found[self.rows] = True
        return found

    def of(self, query: int) -> np.ndarray:
        """The rows meant for one query, ascending and distinct."""
        if self.owners is None:
            return self.rows
        low, high = np.searchsorted(self.owners, [query, query + 1])
        return np.unique(self.rows[low:high])

    def between(self, start: int, stop: int) -> Lists:
        """The lists of the queries from ``start`` up to ``stop``, numbered from 0."""
        if self.owners is None:
            return self
        low, high = np.searchsorted(self.owners, [start, stop])
        return Lists(self.rows[low:high], self.owners[low:high] - start)


def resolve(name: str, ids: Any, batch: int, known: IdMap) -> Lists:
    """Look ``ids`` up in ``known``; ids that are not there are passed over."""
    if _is_flat(ids):
        rows = known.of(ids)
        rows = rows[rows >= 0]
        # What comes from a table of items is in order already.
        return Lists(rows if (np.diff(rows) > 0).all() else np.unique(rows), None)
    flat, owners = flatten(listed(name, ids, batch))
    rows = known.of(flat)
    found = rows >= 0
    return Lists(rows[found], owners[found])


def narrowed(allowed: Lists | None, passing: Passing) -> Lists:
    """What is allowed and meets a condition as well."""
    if allowed is None:
        return Lists(passing.rows, None, passing.mask)
    kept = passing.mask[allowed.rows]
    owners = None if allowed.owners is None else allowed.owners[kept]
    return Lists(allowed.rows[kept], owners)


def _is_flat(ids: Any) -> bool:
    return isinstance(ids, np.ndarray) and ids.ndim == 1


def listed(name: str, ids: Any, batch: int) -> list[np.ndarray]:
    """The ids meant for each of ``batch`` queries.

    Raises:
        ConfigError: ``ids`` is neither a flat array nor one list a query.
    """
    if _is_flat(ids):
        return [ids] * batch
    advice = "Pass a list of ids for each query, or one flat NumPy array for all of them."
    try:
        rows = list(ids)
    except TypeError:
        raise ConfigError(f"Expected {name} to hold ids; received {ids!r}. {advice}") from None
    for row in rows:
        if isinstance(row, str | bytes) or not hasattr(row, "__iter__"):
            raise ConfigError(
                f"Expected each entry of {name} to be a list of ids; received {row!r}. {advice}"
            )
    if len(rows) != batch:
        raise ConfigError(
            f"Expected {name} to hold one list for each of {batch} queries; "
            f"received {len(rows)}. {advice}"
        )
    return [as_ids(row) for row in rows]
