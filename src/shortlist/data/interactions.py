"""`Interactions`: who did what, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl

from shortlist.data.codes import IdIndex, first_appearance, time_order
from shortlist.data.schema import canonical, duplicate_rows, duplicates_error
from shortlist.data.sources import read_source
from shortlist.errors import ConfigError, DataError

__all__ = ["Interactions", "UserItems"]


class Interactions:
    """Checked interactions of users with items, in the order of their source. Immutable.

    Args:
        source: Parquet or CSV paths (a glob or a list too; ``.tsv`` and ``.gz`` as well), a polars
            frame or lazy frame, a pandas or pyarrow table, a DuckDB relation, anything with
            ``__arrow_c_stream__``, or a dict of arrays.
        user: the source's column of user ids: integers, strings or bytes. Whole floats, which
            pandas makes of integers, become integers.
        item: the source's column of item ids, of the same kinds.
        time: the source's column of times, numbers >= 0, or None if there is no time. Datetimes,
            dates and ISO 8601 strings become seconds since 1970 (UTC where they name no zone).
        rating: the source's column of ratings or labels; by default the column ``rating`` if there
            is one. Kept as float32.
        weight: the source's column of weights >= 0; by default the column ``weight`` if there is
            one. Kept as float32.
        duplicates: what to do with rows that equal an earlier one in every column: ``"error"``,
            ``"drop"`` or ``"keep"``.

    The columns are then called user, item, time, rating and weight; every further column is kept
    as context. Of events at the same time, the one further up in the source counts as earlier.

    Raises:
        SchemaError: a column is missing, misnamed, of the wrong kind, or mixes types.
        DataError: a file cannot be read, there is no row, a value cannot be used (null ids;
            null, NaN, infinite or negative times; NaN ratings; negative weights), or there are
            duplicates.
        ConfigError: ``duplicates`` is none of the three.

    >>> log = Interactions({"who": ["anna", "ben", "anna"], "item": [7, 7, 3], "time": [1, 2, 3]},
    ...                    user="who")
    >>> log
    Interactions(3 rows: user, item, time)
    >>> log.users.tolist(), log.items.tolist()
    (['anna', 'ben'], [7, 3])
    >>> log.by_user()["anna"].tolist()
    [7, 3]
    """

    def __init__(
        self,
        source: Any,
        *,
        user: str = "user",
        item: str = "item",
        time: str | None = "time",
        rating: str | None = None,
        weight: str | None = None,
        duplicates: Literal["error", "drop", "keep"] = "error",
    ) -> None:
        if duplicates not in ("error", "drop", "keep"):
            raise ConfigError(
                f"duplicates expected 'error', 'drop' or 'keep'; received {duplicates!r}."
            )
        table = read_source(source)
        given = {"user": user, "item": item, "time": time, "rating": rating, "weight": weight}
        if rating is None and "rating" in table.columns:
            given["rating"] = "rating"
        if weight is None and "weight" in table.columns:
            given["weight"] = "weight"
        columns = {role: column for role, column in given.items() if column is not None}
        frame = canonical(table, columns)
        self._dropped = 0
        self._frame = frame
        if duplicates == "keep":
            return
        repeated = duplicate_rows(frame)
        if len(repeated) and duplicates == "error":
            raise duplicates_error(frame, repeated)
        if len(repeated):
            self._dropped = len(repeated)
            mask = np.ones(frame.height, dtype=bool)
            mask[repeated] = False
            self._frame = frame.filter(pl.Series(mask))

    @classmethod
    def _checked(cls, frame: pl.DataFrame) -> Interactions:
        """Wrap rows that have been checked before."""
        made = cls.__new__(cls)
        made._frame = frame
        made._dropped = 0
        return made

    @property
    def frame(self) -> pl.DataFrame:
        """The table: user, item, then time, rating and weight where given, then the context."""
        return self._frame.clone()

    @property
    def has_time(self) -> bool:
        """Whether there is a column of times."""
        return "time" in self._frame.columns

    @property
    def has_rating(self) -> bool:
        """Whether there is a column of ratings."""
        return "rating" in self._frame.columns

    def __len__(self) -> int:
        return self._frame.height

    def __repr__(self) -> str:
        return f"Interactions({len(self):,} rows: {', '.join(self._frame.columns)})"

    @property
    def users(self) -> np.ndarray:
        """The distinct user ids ``[U]``, in order of first appearance."""
        return self._users[0]

    @property
    def items(self) -> np.ndarray:
        """The distinct item ids ``[I]``, in order of first appearance."""
        return self._items[0]

    @property
    def user_codes(self) -> np.ndarray:
        """Each row's place ``[N]`` int32 in `users`."""
        return self._users[1]

    @property
    def item_codes(self) -> np.ndarray:
        """Each row's place ``[N]`` int32 in `items`."""
        return self._items[1]

    @property
    def times(self) -> np.ndarray | None:
        """Each row's time ``[N]``, int64 or float64, or None where there is no time."""
        return self._frame["time"].to_numpy() if self.has_time else None

    @cached_property
    def _users(self) -> tuple[np.ndarray, np.ndarray]:
        return _distinct(self._frame["user"])

    @cached_property
    def _items(self) -> tuple[np.ndarray, np.ndarray]:
        return _distinct(self._frame["item"])

    def filter(self, mask: np.ndarray | pl.Series | pl.Expr) -> Interactions:
        """The rows where ``mask`` is True: ``[N]`` bool, or a polars expression.

        >>> log = Interactions({"user": [1, 1], "item": [5, 6], "time": [0, 9]})
        >>> len(log.filter(pl.col("time") > 5))
        1
        """
        if not isinstance(mask, pl.Expr):
            mask = pl.Series(np.asarray(mask, dtype=bool))
            if len(mask) != len(self):
                raise DataError(
                    f"Expected a mask of {len(self)} rows; received one of {len(mask)}."
                )
        return self._checked(self._frame.filter(mask))

    def take(self, rows: np.ndarray) -> Interactions:
        """The rows at the places ``rows``, in that order."""
        return self._checked(self._frame[np.asarray(rows, dtype=np.int64)])

    def by_user(self) -> UserItems:
        """Every user's items, oldest first, as a mapping from user id to an array of item ids."""
        order = time_order(self.user_codes, self.times)
        ends = np.cumsum(np.bincount(self.user_codes, minlength=len(self.users)))
        items = self._frame["item"].gather(order).to_numpy()
        return UserItems(self.users, items, np.concatenate([[0], ends]))

    def facts(self) -> dict[str, Any]:
        """Count what is in the data.

        Returns:
            rows, users, items; density, the share of all user-item pairs that occur; first_time
            and last_time, or None; duplicates, the rows that equalled an earlier one when read
            (dropped or kept); users_with_one_interaction.
        """
        pairs = self.user_codes.astype(np.int64) * len(self.items) + self.item_codes
        per_user = np.bincount(self.user_codes)
        cells = len(self.users) * len(self.items)
        times = self._frame["time"] if self.has_time else None
        return {
            "rows": len(self),
            "users": len(self.users),
            "items": len(self.items),
            "density": pl.Series(pairs).n_unique() / cells if cells else 0.0,
            "first_time": None if times is None else times.min(),
            "last_time": None if times is None else times.max(),
            "duplicates": self._dropped + len(duplicate_rows(self._frame)),
            "users_with_one_interaction": int((per_user == 1).sum()),
        }


class UserItems(Mapping[Any, np.ndarray]):
    """Each user's items, oldest first, stored flat.

    Args:
        users: ``[U]`` distinct user ids.
        items: ``[N]`` item ids, the first user's first.
        offsets: ``[U + 1]``; user ``u`` has ``items[offsets[u]:offsets[u + 1]]``.
    """

    def __init__(self, users: np.ndarray, items: np.ndarray, offsets: np.ndarray) -> None:
        self.users = users
        self.items_flat = items
        self.offsets = offsets

    @cached_property
    def _index(self) -> IdIndex:
        return IdIndex(self.users)

    def __getitem__(self, user: Any) -> np.ndarray:
        place = int(self._index.places([user])[0])
        if place < 0:
            raise KeyError(user)
        return self.items_flat[self.offsets[place] : self.offsets[place + 1]]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.users.tolist())

    def __len__(self) -> int:
        return len(self.users)

    def of(self, users: Iterable[Any]) -> list[np.ndarray]:
        """One array of items for each of ``users``; an empty one for a user that is not here."""
        empty = self.items_flat[:0]
        return [
            empty if place < 0 else self.items_flat[self.offsets[place] : self.offsets[place + 1]]
            for place in self._index.places(users).tolist()
        ]


def _distinct(ids: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    distinct, codes = first_appearance(ids)
    distinct.flags.writeable = False
    codes.flags.writeable = False
    return distinct, codes
