"""`UserStore`: what is known of each user when a query comes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.data import Interactions, UserItems
from shortlist.errors import DataError

__all__ = ["UserStore"]


class UserStore:
    """The items each user met, oldest first, and the users' attributes.

    Attributes:
        histories: the items of every known user.
        attributes: a frame with a ``user`` column, or None.
    """

    def __init__(self, histories: UserItems, attributes: pl.DataFrame | None = None) -> None:
        self.histories = histories
        self.attributes = attributes

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
        return self.histories.of(asked)

    def features(self, users: Sequence[Any] | np.ndarray) -> pl.DataFrame | None:
        """The attributes of these users, one row each, null where a user has none."""
        if self.attributes is None:
            return None
        asked = pl.DataFrame({"user": pl.Series(users, dtype=self.attributes["user"].dtype)})
        return asked.join(self.attributes, on="user", how="left", maintain_order="left")

    def write(self, draft: Draft) -> None:
        """Write the store into a part of a bundle."""
        draft.write_table("users.parquet", pl.DataFrame({"user": self.histories.users}))
        draft.write_table("history.parquet", pl.DataFrame({"item": self.histories.items_flat}))
        draft.write_arrays("offsets.safetensors", {"offsets": self.histories.offsets})
        if self.attributes is not None:
            draft.write_table("attributes.parquet", self.attributes)

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


def alike(known: np.ndarray, asked: np.ndarray) -> bool:
    """Whether ids are of one kind, all whole numbers or none of them; None goes with either.

    >>> alike(np.array(["a"], dtype=object), np.array(["b"])), alike(np.array([1]), np.array(["1"]))
    (True, False)
    """
    one, other = (next((i for i in ids if i is not None), None) for ids in (known, asked))
    if one is None or other is None:
        return True
    return isinstance(one, int | np.integer) == isinstance(other, int | np.integer)
