"""`Histories`: what each user did before an event, stored flat and padded on demand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from shortlist.data.codes import IdIndex, time_order
from shortlist.data.interactions import Interactions
from shortlist.errors import ConfigError, DataError

__all__ = ["Histories", "HistoryColumn", "pad_histories"]


class Histories:
    """The items of each user in the order of time, from which every event's history is a slice.

    An event's history is the user's items before it; of events at the same time, the one further
    up in the source is earlier. Items with code 0 (unknown or padding) are left out.

    Args:
        interactions: the events, ``N`` rows.
        item_codes: ``[N]`` the item of each row as a code >= 0, as a vocabulary gives it.
        mode: ``"before"``: the items before each event, as at serving. ``"others"``: all other
            items of the user, before and after it, each once and by its last event; for a random
            split, where before means nothing.

    Raises:
        DataError: ``item_codes`` has another length, or a negative code.
        ConfigError: the mode is neither.

    >>> log = Interactions({"user": ["a", "b", "a", "a"], "item": [7, 7, 8, 9],
    ...                     "time": [1, 2, 3, 4]})
    >>> histories = Histories(log, np.array([1, 1, 2, 3]))
    >>> histories.padded(np.array([0, 2, 3]), 2).tolist()
    [[0, 0], [1, 0], [1, 2]]
    >>> histories.for_users(["a", "nobody"], 2).tolist()
    [[2, 3], [0, 0]]
    """

    def __init__(
        self,
        interactions: Interactions,
        item_codes: np.ndarray,
        *,
        mode: Literal["before", "others"] = "before",
    ) -> None:
        codes = np.asarray(item_codes)
        if codes.shape != (len(interactions),):
            raise DataError(
                f"Histories expected one item code for each of {len(interactions):,} rows; "
                f"received an array of shape {codes.shape}."
            )
        if mode not in ("before", "others"):
            raise ConfigError(f"mode expected 'before' or 'others'; received {mode!r}.")
        if len(codes) and codes.min() < 0:
            raise DataError(
                f"Histories expected item codes of 0 or more; row {int(codes.argmin())} holds "
                f"{int(codes.min())}."
            )
        self.mode = mode
        self._index = IdIndex(interactions.users)
        self._user = interactions.user_codes
        order = time_order(self._user, interactions.times)
        kept = order[codes[order] > 0]
        if mode == "others":
            kept = _last_of_each(kept, self._user, codes)
        self._items = codes[kept].astype(np.int32)
        counts = np.bincount(self._user[kept], minlength=len(interactions.users))
        self._offsets = np.concatenate([[0], np.cumsum(counts)])
        self._place = self._places(order, kept, codes)

    def _places(self, order: np.ndarray, kept: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Where each row stands among the stored items ``[N]``.

        Before: the place of the first item that is not before it. Others: the place of its own
        item, or -1 if that is not stored.
        """
        place = np.empty(len(codes), dtype=np.int64)
        if self.mode == "before":
            place[order] = np.cumsum(codes[order] > 0) - (codes[order] > 0)
            return place
        width = int(codes.max(initial=0)) + 1
        stored = self._user[kept].astype(np.int64) * width + codes[kept]
        asked = self._user.astype(np.int64) * width + codes
        return np.where(codes > 0, IdIndex(stored).places(asked), -1)

    def __len__(self) -> int:
        """The number of events."""
        return len(self._user)

    def padded(self, rows: np.ndarray, length: int) -> np.ndarray:
        """The latest ``length`` items of each event's history, oldest first, then zeros.

        Args:
            rows: ``[B]`` places of events among the interactions.
            length: at most this many items each.

        Returns:
            ``[B, length]`` int32 item codes; 0 is padding.
        """
        rows = np.asarray(rows, dtype=np.int64)
        users = self._user[rows]
        first, end = self._offsets[users], self._offsets[users + 1]
        if self.mode == "before":
            return _windows(self._items, first, self._place[rows], length)
        own = self._place[rows]
        # Count as if the row's own item were not there, and step over it when looking up.
        return _windows(self._items, first, end - (own >= 0), length, own)

    def for_users(self, users: Iterable[Any], length: int) -> np.ndarray:
        """The latest ``length`` items of each user's whole history, as a query at serving sees it.

        Args:
            users: ``[B]`` user ids; unknown ones and None have an empty history.
            length: at most this many items each.

        Returns:
            ``[B, length]`` int32 item codes, oldest first, then zeros.
        """
        places = self._index.places(users)
        found = np.maximum(places, 0)
        first, end = self._offsets[found], self._offsets[found + 1]
        return _windows(self._items, first, np.where(places < 0, first, end), length)

    def column(self, length: int) -> HistoryColumn:
        """The histories as a column for `Batches`, padded as its batches are made."""
        return HistoryColumn(self, length)


class HistoryColumn:
    """One padded history for each event, made when asked for.

    Args:
        histories: where they come from.
        length: at most this many items each.
    """

    def __init__(self, histories: Histories, length: int) -> None:
        self._histories = histories
        self._length = length

    def __len__(self) -> int:
        return len(self._histories)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """``[B, length]`` int32 for the events at ``rows``."""
        return self._histories.padded(rows, self._length)


def pad_histories(histories: Sequence[np.ndarray | Sequence[int]], length: int) -> np.ndarray:
    """Pad histories that come from elsewhere, such as a session at serving, in the same way.

    Args:
        histories: ``B`` arrays or lists of item codes, oldest first; zeros (unknown items) are
            left out.
        length: at most this many items each, the latest.

    Returns:
        ``[B, length]`` int32, oldest first, then zeros.

    >>> pad_histories([np.array([1, 2, 3]), np.array([0, 4])], 2).tolist()
    [[2, 3], [4, 0]]
    """
    known = [codes[codes > 0] for codes in map(np.asarray, histories)]
    ends = np.cumsum([len(codes) for codes in known], dtype=np.int64)
    firsts = np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(known)]
    flat = np.concatenate([*known, np.empty(0)]).astype(np.int32)
    return _windows(flat, firsts, ends, length)


def _windows(
    items: np.ndarray,
    first: np.ndarray,
    end: np.ndarray,
    length: int,
    skip: np.ndarray | None = None,
) -> np.ndarray:
    """The last ``length`` of ``items`` from ``first`` up to ``end``, one window ``[length]`` a row.

    With ``skip`` >= 0, ``end`` does not count the item at ``skip``, which is stepped over.
    """
    if length < 1:
        raise ConfigError(f"length expected 1 or more; received {length!r}.")
    places = np.maximum(first, end - length)[:, None] + np.arange(length)
    inside = places < end[:, None]
    if skip is not None:
        places = places + ((places >= skip[:, None]) & (skip[:, None] >= 0))
    if not len(items):
        return np.zeros(places.shape, dtype=np.int32)
    return np.where(inside, items[np.minimum(places, len(items) - 1)], np.int32(0))


def _last_of_each(rows: np.ndarray, users: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Of ordered rows, keep the last for each pair of user and item."""
    width = int(codes.max(initial=0)) + 1
    pairs = users[rows].astype(np.int64) * width + codes[rows]
    _, from_end = np.unique(pairs[::-1], return_index=True)
    return rows[np.sort(len(rows) - 1 - from_end)]
