"""`UserStore`: what is known of each user when a query comes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.data import Interactions, UserItems
from shortlist.data.codes import IdIndex
from shortlist.errors import DataError
from shortlist.ids import as_ids

__all__ = ["UserStore"]


class UserStore:
    """The items each user met, oldest first, and the users' attributes.

    Attributes:
        histories: the items of every known user.
        attributes: a frame with a ``user`` column, or None.
    """

    def __init__(
        self,
        histories: UserItems,
        attributes: pl.DataFrame | None = None,
        *,
        forgotten: frozenset[Any] = frozenset(),
    ) -> None:
        self.histories = histories
        self.attributes = attributes
        self.forgotten = forgotten
        # A row of nulls behind the others, for those who have no attributes.
        self._padded = None if attributes is None else _with_nulls(attributes)
        self._rows = None if attributes is None else IdIndex(attributes["user"].to_numpy())

    def without(self, users: Sequence[Any] | np.ndarray) -> UserStore:
        """The store that has nothing of these users, nor saves anything of them."""
        gone = self.forgotten.union(as_ids(users).tolist())
        return UserStore(self.histories, self.attributes, forgotten=gone)

    @classmethod
    def of(cls, interactions: Interactions, users: pl.DataFrame | None = None) -> UserStore:
        """Collect the histories of ``interactions`` (in a stable order: time, then row)."""
        return cls(interactions.by_user(), users)

    def knows(self, users: Sequence[Any] | np.ndarray) -> np.ndarray:
        """``[B]`` bool: which of these users have a history."""
        return np.array([len(row) > 0 for row in self.history(users)], dtype=bool)

    def history(self, users: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        """Each user's items, oldest first; an empty array for a user never met.

        Raises:
            DataError: the ids are of another kind than those known, as a text is that reads "12".
        """
        asked = np.asarray(users)
        known = self.histories.users
        if not alike(known, asked):
            raise DataError(
                "User ids expected the kind of those in training, such as "
                f"{known[:1].tolist()[0]!r}; received {asked[:1].tolist()[0]!r}."
            )
        return self.histories.of(self._remembered(asked))

    def features(self, users: Sequence[Any] | np.ndarray) -> pl.DataFrame | None:
        """The attributes of these users, one row each, null where a user has none."""
        if self._padded is None or self._rows is None:
            return None
        asked = np.asarray(users)
        places = self._rows.places(self._remembered(asked))
        # A slice of one row copies nothing, as a request to a server needs it.
        one = len(places) == 1
        found = self._padded.slice(int(places[0]), 1) if one else self._padded[places]
        named = pl.Series("user", asked.tolist(), dtype=found["user"].dtype)
        return found.clone().replace_column(found.columns.index("user"), named)

    def _remembered(self, users: np.ndarray) -> np.ndarray:
        """The same ids with None in place of those that were forgotten."""
        if not self.forgotten:
            return users
        kept = [None if user in self.forgotten else user for user in users.tolist()]
        return np.array(kept, dtype=object)

    def write(self, draft: Draft) -> None:
        """Write the store into a part of a bundle, without those who were forgotten."""
        histories, attributes = self.histories, self.attributes
        if self.forgotten:
            kept = [user for user in histories if user not in self.forgotten]
            rows = histories.of(kept)
            histories = UserItems(
                as_ids(kept),
                np.concatenate([histories.items_flat[:0], *rows]),
                np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
            )
            if attributes is not None:
                gone = [user in self.forgotten for user in attributes["user"].to_list()]
                attributes = attributes.filter(~pl.Series(gone, dtype=pl.Boolean))
        draft.write_table("users.parquet", pl.DataFrame({"user": histories.users}))
        draft.write_table("history.parquet", pl.DataFrame({"item": histories.items_flat}))
        draft.write_arrays("offsets.safetensors", {"offsets": histories.offsets})
        if attributes is not None:
            draft.write_table("attributes.parquet", attributes)

    @classmethod
    def read(cls, folder: Folder) -> UserStore:
        """Open what `write` wrote."""
        histories = UserItems(
            folder.read_table("users.parquet")["user"].to_numpy(),
            folder.read_table("history.parquet")["item"].to_numpy(),
            folder.read_arrays("offsets.safetensors")["offsets"],
        )
        known = "attributes.parquet" in folder
        return cls(histories, folder.read_table("attributes.parquet") if known else None)


def _with_nulls(attributes: pl.DataFrame) -> pl.DataFrame:
    nothing = pl.DataFrame({name: [None] for name in attributes.columns}, attributes.schema)
    return pl.concat([attributes, nothing])


def alike(known: np.ndarray, asked: np.ndarray) -> bool:
    """Whether ids are of one kind, all whole numbers or none of them; None goes with either.

    >>> alike(np.array(["a"], dtype=object), np.array(["b"])), alike(np.array([1]), np.array(["1"]))
    (True, False)
    """
    one, other = (next((i for i in ids if i is not None), None) for ids in (known, asked))
    if one is None or other is None:
        return True
    return isinstance(one, int | np.integer) == isinstance(other, int | np.integer)
