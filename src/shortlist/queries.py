"""`Queries`: who asks, what they did before, and what they must not be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import DataError
from shortlist.ids import as_ids

__all__ = ["Queries"]


@dataclass(frozen=True, eq=False)
class Queries:
    """A batch of ``B`` requests for recommendations: what every retriever is called with.

    Attributes:
        users: ``[B]``, the caller's own user ids. ``None`` entries stand for anonymous sessions.
        history: one array of item ids a query, oldest first, all from before the query.
        features: a frame of ``B`` rows with the users' and the context's columns, or None.
        exclude: one array of item ids a query that must not be recommended, or None.

    Raises:
        DataError: the parts do not all describe the same number of queries.

    >>> Queries.of(["anna"], history=[["m1", "m7"]]).batch_size
    1
    """

    users: np.ndarray
    history: Sequence[np.ndarray]
    features: pl.DataFrame | None = None
    exclude: Sequence[np.ndarray] | None = None

    def __post_init__(self) -> None:
        sizes = {"users": len(self.users), "history": len(self.history)}
        if self.features is not None:
            sizes["features"] = self.features.height
        if self.exclude is not None:
            sizes["exclude"] = len(self.exclude)
        if len(set(sizes.values())) != 1:
            raise DataError(f"Queries expected parts of one length; received {sizes}.")

    @classmethod
    def of(
        cls,
        users: Sequence[Any],
        *,
        history: Sequence[Sequence[Any]] | None = None,
        features: pl.DataFrame | None = None,
        exclude: Sequence[Sequence[Any]] | None = None,
    ) -> Queries:
        """Build a batch from plain Python lists; no history means an empty one for each user."""
        rows = [()] * len(users) if history is None else history
        return cls(
            as_ids(users),
            [as_ids(row) for row in rows],
            features,
            None if exclude is None else [as_ids(row) for row in exclude],
        )

    @property
    def batch_size(self) -> int:
        """The number of queries, ``B``."""
        return len(self.users)

    def __len__(self) -> int:
        return self.batch_size

    def rows(self, start: int, stop: int) -> Queries:
        """The queries from ``start`` up to ``stop``, for working through a large set in blocks."""
        return Queries(
            self.users[start:stop],
            self.history[start:stop],
            None if self.features is None else self.features[start:stop],
            None if self.exclude is None else self.exclude[start:stop],
        )
