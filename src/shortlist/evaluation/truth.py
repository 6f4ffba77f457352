"""`Truth`: from a split, who is asked about, what they did before and what they did then."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import numpy as np
import polars as pl

from shortlist.data import Interactions, Split
from shortlist.errors import ConfigError, DataError, SchemaError
from shortlist.ids import IdMap, as_ids
from shortlist.queries import Queries

__all__ = ["Truth"]

_PAIR = ["user", "item"]


@dataclass(frozen=True, eq=False)
class Truth:
    """The questions a split asks and their answers.

    Attributes:
        queries: one query for each of the ``U`` users that have something to be found. History and
            exclusions are what the user did before the test, oldest first.
        items: the ids of all items that were trained on, are in the catalogue or are to be found.
        owners: ``[P]`` the query, ascending, of each pair to be found.
        relevant: ``[P]`` the place in ``items`` of each, ascending for one query and distinct.
        train_counts: ``[len(items)]`` how many users met each item in training.
        train_users: how many users were trained on.
        catalogue: ``[len(items)]`` bool, what coverage is measured against.
        cold: ``[U]`` bool, users without any history.
        counts: ``users`` evaluated; of them ``cold_users`` without a history; ``users_left_out``
            who have nothing to be found; ``relevant`` pairs of user and item to be found; of them
            ``cold_relevant`` with items not in train; ``relevant_left_out``, pairs the user knew
            already; and the size of the ``catalogue``.
    """

    queries: Queries
    items: np.ndarray
    owners: np.ndarray
    relevant: np.ndarray
    train_counts: np.ndarray
    train_users: int
    catalogue: np.ndarray
    cold: np.ndarray
    counts: dict[str, int]

    @cached_property
    def places(self) -> IdMap:
        """Where each item stands in ``items``."""
        return IdMap(self.items)

    @cached_property
    def sizes(self) -> np.ndarray:
        """``[U]`` how many items each user has that are to be found."""
        return np.bincount(self.owners, minlength=len(self.queries))

    @cached_property
    def _keys(self) -> np.ndarray:
        return self.owners * len(self.items) + self.relevant

    def hits(self, start: int, places: np.ndarray) -> np.ndarray:
        """Whether each of ``places`` ``[B, K]`` is to be found for the queries from ``start`` on.

        Places that are no items, below 0 or beyond the last, are never hits.
        """
        rows = np.arange(start, start + len(places))[:, None]
        keys = rows * len(self.items) + places
        found = np.searchsorted(self._keys, keys)
        same = self._keys[np.minimum(found, len(self._keys) - 1)] == keys
        return same & (places >= 0) & (places < len(self.items))

    @classmethod
    def of(
        cls,
        split: Split,
        *,
        part: Literal["test", "validation"] = "test",
        items: Any = None,
        users: pl.DataFrame | None = None,
        exclude_seen: bool = True,
    ) -> Truth:
        """Ask about every user of a part of ``split``; see `evaluate` for the arguments.

        Raises:
            ConfigError: the split has no such part.
            DataError: no user has anything to be found.
            SchemaError: ``users`` has no column ``user`` or has a user twice.
        """
        asked, known = _asked(split, part), _before(split, part)
        pairs = _pairs(asked)
        if exclude_seen:
            pairs = pairs.join(_pairs(known), on=_PAIR, how="anti", maintain_order="left")
        if not pairs.height:
            raise DataError(
                f"No user of the {part} part has anything to be found: all of its items are in "
                "the users' histories, which are not recommended again."
            )
        catalogue = split.train.items if items is None else as_ids(items)
        every = _union(split.train.items, catalogue, pairs["item"])
        places = IdMap(every)
        answered = pairs.select("user").unique(maintain_order=True)
        # One key a pair of query and item: sorted, it can be searched.
        keys = np.sort(_owners(pairs, answered) * len(every) + places.of(pairs["item"]))
        queries = _queries(answered, known, users, exclude_seen)
        train_items = places.of(_pairs(split.train)["item"])
        truth = cls(
            queries,
            every,
            *np.divmod(keys, len(every)),
            np.bincount(train_items, minlength=len(every)),
            len(split.train.users),
            np.bincount(places.of(catalogue), minlength=len(every)) > 0,
            np.array([len(row) == 0 for row in queries.history]),
            {},
        )
        truth.counts.update(_counts(truth, asked))
        return truth


def _counts(truth: Truth, asked: Interactions) -> dict[str, int]:
    return {
        "users": len(truth.queries),
        "cold_users": int(truth.cold.sum()),
        "users_left_out": len(asked.users) - len(truth.queries),
        "relevant": len(truth.relevant),
        "cold_relevant": int((truth.train_counts[truth.relevant] == 0).sum()),
        "relevant_left_out": _pairs(asked).height - len(truth.relevant),
        "catalogue": int(truth.catalogue.sum()),
    }


def _asked(split: Split, part: str) -> Interactions:
    parts = {"test": split.test, "validation": split.validation}
    found = parts.get(part)
    if found is None:
        there = [name for name, value in parts.items() if value is not None]
        raise ConfigError(
            f"Expected a part of the split, one of {there}; received {part!r}. "
            "A part for validation is made by the split's argument of that name."
        )
    return found


def _before(split: Split, part: str) -> Interactions:
    """What is known when the part begins: train, and validation once it is over, or fold-in."""
    later = split.validation if part == "test" else None
    if split.fold_in is not None:
        later = split.fold_in
    if later is None:
        return split.train
    time = "time" if split.train.has_time else None
    return Interactions(pl.concat([split.train.frame, later.frame]), time=time, duplicates="keep")


def _pairs(interactions: Interactions) -> pl.DataFrame:
    return interactions.frame.select(_PAIR).unique(maintain_order=True)


def _union(*parts: Any) -> np.ndarray:
    """All ids once, in order."""
    return as_ids(list(dict.fromkeys(chain.from_iterable(as_ids(p).tolist() for p in parts))))


def _owners(pairs: pl.DataFrame, users: pl.DataFrame) -> np.ndarray:
    """The row of ``users`` to which each pair belongs."""
    numbered = users.with_row_index("owner")
    joined = pairs.join(numbered, on="user", how="left", maintain_order="left")
    return joined["owner"].to_numpy().astype(np.int64)


def _queries(
    answered: pl.DataFrame, known: Interactions, users: pl.DataFrame | None, exclude_seen: bool
) -> Queries:
    ids = answered["user"].to_numpy()
    history = known.by_user().of(ids)
    if users is None:
        features = None
    elif "user" not in users.columns:
        raise SchemaError(f"Expected users with a column 'user'; it has {users.columns}.")
    elif users["user"].is_duplicated().any():
        twice = users["user"].filter(users["user"].is_duplicated())[0]
        raise SchemaError(f"Expected one row a user in users; user {twice!r} has several.")
    else:
        features = answered.join(users, on="user", how="left", maintain_order="left")
    return Queries(ids, history, features, history if exclude_seen else None)
