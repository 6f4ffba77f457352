"""The search of `_search` down many lists at once, as far as it never has to turn back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Bounds", "Count", "Limit", "arrange_together"]

# So many columns for each place are looked at first, and so many of all lists at a time.
_GUESS, _CELLS = 2, 2**16


@dataclass(frozen=True)
class Limit:
    """How often one value may occur, and how far apart two items of one value must stand.

    Attributes:
        codes: ``[N + 1, L]``, the values of each row of the table, -1 for none.
        most: items of one value.
        apart: places; 1 for items that may be neighbours.
    """

    codes: np.ndarray
    most: int
    apart: int


@dataclass(frozen=True)
class Count:
    """How many items of a kind there must be.

    Attributes:
        having: ``[N + 1]``, which rows of the table are of the kind.
        need: items.
        apart: places between two of them.
    """

    having: np.ndarray
    need: int
    apart: int


@dataclass(frozen=True)
class Bounds:
    """The rules as they bear on all lists.

    Attributes:
        limits: of values.
        counts: of kinds.
        pins: by place, the column ``[B]`` of the item that must stand there, -1 for none.
    """

    limits: list[Limit] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    pins: dict[int, np.ndarray] = field(default_factory=dict)

    def of(self, rows: np.ndarray) -> Bounds:
        """Those of some lists."""
        return Bounds(self.limits, self.counts, {at: pin[rows] for at, pin in self.pins.items()})


def arrange_together(
    k: int, places: np.ndarray, valid: np.ndarray, bounds: Bounds
) -> tuple[np.ndarray, np.ndarray]:
    """Give each place of every list to the earliest item that leaves all rules possible.

    Args:
        k: how many places, at most ``P``.
        places: ``[B, P]``, the rows of the items in the table.
        valid: ``[B, P]``.
        bounds: what must hold.

    Returns:
        The columns chosen ``[B, k]``, and for which lists ``[B]`` they are the answer: in the
        others no item was left for some place, so that a search has to turn back.
    """
    chosen = np.zeros((len(places), k), dtype=np.int64)
    done = np.zeros(len(places), dtype=bool)
    left = np.arange(len(places))
    # Mostly the answer is near the top.
    for width in sorted({min(_GUESS * k, places.shape[1]), places.shape[1]}):
        size = max(1, _CELLS // width)
        for start in range(0, len(left), size):
            rows = left[start : start + size]
            walk = _Walk(k, width, places[rows], valid[rows], bounds.of(rows))
            chosen[rows], done[rows] = walk.run()
        left = np.flatnonzero(~done)
    return chosen, done


class _Walk:
    """A place of every list at a time, in arrays ``[B, W]`` over lists and columns."""

    def __init__(
        self, k: int, width: int, places: np.ndarray, valid: np.ndarray, bounds: Bounds
    ) -> None:
        self.k, self.lists = k, np.arange(len(places))
        self.chosen = np.zeros((len(places), k), dtype=np.int64)
        # The first place at which each item may stand; k for those that are used up.
        self.first = np.where(valid[:, :width], np.int32(0), np.int32(k))
        near = places[:, :width]
        self.limits = [
            (limit, [column.take(near) for column in limit.codes.T]) for limit in bounds.limits
        ]
        # The values chosen so far, side by side for each list.
        self.met = [np.full((len(places), k, len(codes)), -1) for _, codes in self.limits]
        self.counts, self.pins = bounds.counts, bounds.pins
        self.pinned = np.zeros(self.first.shape if self.pins else (1, 1), dtype=bool)
        for pin in self.pins.values():
            rows = np.flatnonzero((pin >= 0) & (pin < width))
            self.pinned[rows, pin[rows]] = True
        kinds = [count.having[places] & valid for count in bounds.counts]
        self.kinds = [kind[:, :width] for kind in kinds]
        self.missing = np.array([[count.need] * len(places) for count in bounds.counts], dtype=int)
        self.last = np.full(self.missing.shape, -k)
        if kinds:
            self.serves = np.maximum(np.sum(kinds, axis=0, dtype=int).max(axis=1), 1)
            needed = -(-self.missing.sum(axis=0) // self.serves).max()
            # As in the search of one list: up to here the places that follow are enough.
            self.easy = min(k - 1 - needed, *(k - each.need * each.apart for each in self.counts))

    def run(self) -> tuple[np.ndarray, np.ndarray]:
        done = np.ones(len(self.lists), dtype=bool)
        for place in range(self.k):
            fits = self.first <= place
            if self.counts and place >= self.easy and (self.missing > 0).any():
                self._leave_room(fits, place)
            if self.pins:
                self._keep_pins(fits, place)
            columns = fits.argmax(axis=1)
            done &= fits[self.lists, columns]
            self._put(columns, place)
        return self.chosen, done & (self.missing <= 0).all(axis=0)

    def _keep_pins(self, fits: np.ndarray, place: int) -> None:
        """Rule out all but the item that is pinned here, and those that are pinned elsewhere."""
        here = self.pins.get(place, np.full(len(fits), -1))[:, None]
        fits &= np.where(here < 0, ~self.pinned, np.arange(fits.shape[1]) == here)

    def _leave_room(self, fits: np.ndarray, place: int) -> None:
        """Rule out the items after which too few places are left for the counts."""
        wanted, helps = np.maximum(self.missing, 0), np.zeros(fits.shape, dtype=np.int64)
        for count, kind, need, last in zip(self.counts, self.kinds, wanted, self.last, strict=True):
            # Where the last one to count would stand at the earliest, after an item that does
            # count itself and after one that does not.
            counting = place + (need - 1) * count.apart
            other = np.maximum(place + 1, last + count.apart) + (need - 1) * count.apart
            fits &= np.where(
                kind,
                ((need <= 1) | (counting < self.k))[:, None],
                ((need == 0) | (other < self.k))[:, None],
            )
            helps += kind & (need > 0)[:, None]
        room = self.serves * (self.k - place - 1)
        fits &= helps >= (wanted.sum(axis=0) - room)[:, None]

    def _put(self, columns: np.ndarray, place: int) -> None:
        self.chosen[:, place] = columns
        self.first[self.lists, columns] = self.k
        for (limit, codes), met in zip(self.limits, self.met, strict=True):
            for each, column in enumerate(codes):
                value = column[self.lists, columns]
                met[:, place, each] = value
                # -1 is no value and is not to be found anywhere.
                self._forbid(limit, codes, met, np.where(value < 0, -2, value), place)
        for kind, missing, last in zip(self.kinds, self.missing, self.last, strict=True):
            mine = kind[self.lists, columns]
            np.subtract(missing, mine, out=missing)
            last[mine] = place

    def _forbid(
        self,
        limit: Limit,
        codes: list[np.ndarray],
        met: np.ndarray,
        value: np.ndarray,
        place: int,
    ) -> None:
        """Keep items of the values just chosen away from the next places, or from all."""
        wanted = value[:, None]
        until = np.full(len(value), place + limit.apart, dtype=np.int32)
        if limit.most < self.k:
            times = (met[:, : place + 1].reshape(len(met), -1) == wanted).sum(axis=1)
            until[times >= limit.most] = self.k
        for column in codes:
            np.maximum(self.first, (column == wanted) * until[:, None], out=self.first)
