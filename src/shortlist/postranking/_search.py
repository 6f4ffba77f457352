"""The search for a list that keeps every rule, for one list at a time.

It is plain Python: few items of a pool are looked at, and at each only a few small sets.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["Demands", "arrange"]

# So many places are tried before a search is given up as if there were no solution.
_PATIENCE = 20_000


@dataclass
class Demands:
    """The rules as they bear on one pool of ``P`` items, given by their places 0 to ``P - 1``.

    Attributes:
        rows: of each item, where its values stand.
        limits: for a column the values of each row, how often one value may occur, and how far
            apart two items of one value must stand; 1 for items that may be neighbours.
        quotas: which items count, how many must be in the list, and how far apart they must stand
            by the limits.
        serves: the most quotas that one item of the pool counts for.
        pins: the item that must stand at a place.
    """

    rows: Sequence[int]
    limits: list[tuple[Sequence[frozenset[int]], int, int]] = field(default_factory=list)
    quotas: list[tuple[Sequence[int], int, int]] = field(default_factory=list)
    serves: int = 0
    pins: dict[int, int] = field(default_factory=dict)


def arrange(k: int, demands: Demands) -> list[int] | None:
    """The first list in order of relevance that keeps every demand: ``k`` items.

    Each place holds the earliest item that leaves the rest of the list possible. None if there is
    no such list, or none was found with patience.
    """
    return _Search(k, demands).run()


class _Search:
    """Depth first, an item a place. Items that no rule tells apart are tried once."""

    def __init__(self, k: int, demands: Demands) -> None:
        self.k, self.demands, self.rows = k, demands, demands.rows
        self.chosen: list[int] = []
        # Pinned items are kept for their places.
        self.pinned = set(demands.pins.values())
        self.used = [False] * len(self.rows)
        for item in self.pinned:
            self.used[item] = True
        # For each limit the values that no further item may have, and what that is worked out by.
        self.full: list[set[int]] = [set() for _ in demands.limits]
        self.caps = [
            (sets, most, full, defaultdict[int, int](int))
            for (sets, most, _), full in zip(demands.limits, self.full, strict=True)
            if most < k
        ]
        self.missing = [need for _, need, _ in demands.quotas]
        # Up to here the places that follow are enough for all quotas, whatever stands there.
        needed = -(-sum(self.missing) // max(demands.serves, 1))
        self.easy = min(k - 1 - needed, *(k - need * apart for _, need, apart in demands.quotas), k)
        self.reach = max((distance - 1 for _, _, distance in demands.limits), default=0)
        self.numbers: dict[object, int] = {}
        # All items before this one are used.
        self.first = 0
        self.failed: set[object] = set()
        self.steps = 0

    def run(self) -> list[int] | None:
        # Without recursion: a stack of the items still to be tried at each place.
        trail = [self._tries()]
        while trail:
            if len(self.chosen) == self.k:
                return self.chosen
            item = next(trail[-1], None)
            if item is None:
                self.failed.add(self._state())
                trail.pop()
                if self.chosen:
                    self._take_back()
                continue
            self.steps += 1
            if self.steps > _PATIENCE:
                return None
            self._put(item)
            trail.append(self._tries())
        return None

    def _tries(self) -> Iterator[int]:
        """Items that may stand at the next place, best first, one of each signature."""
        place = len(self.chosen)
        if place == self.k or (self.failed and self._state() in self.failed):
            return
        forbidden, rows, used = self._forbidden(place), self.rows, self.used
        wanting = bool(self.missing) and place >= self.easy and max(self.missing) > 0
        pinned = self.demands.pins.get(place)
        while self.first < len(used) and used[self.first]:
            self.first += 1
        tried: set[int] = set()
        for item in range(self.first, len(used)) if pinned is None else (pinned,):
            if used[item] and pinned is None:
                continue
            # Mostly the first that fits will do, so the others' signatures are not worked out.
            if tried and self._signature(item) in tried:
                continue
            row = rows[item]
            for sets, values in forbidden:
                if not values.isdisjoint(sets[row]):
                    break
            else:
                if not wanting or self._leaves_room(item, place):
                    yield item
                    tried.add(self._signature(item))

    def _forbidden(self, place: int) -> list[tuple[Sequence[frozenset[int]], set[int]]]:
        """Pairs of the values of each row and those that must not stand at a place."""
        found = []
        for (sets, _, distance), full in zip(self.demands.limits, self.full, strict=True):
            values = full
            if distance > 1:
                near = self.chosen[max(0, place - distance + 1) :]
                values = full.union(*[sets[self.rows[other]] for other in near])
            if values:
                found.append((sets, values))
        return found

    def _leaves_room(self, item: int, place: int) -> bool:
        """Whether the places after this one are enough for the quotas."""
        total = 0
        for need, (quota, _, apart) in zip(self.missing, self.demands.quotas, strict=True):
            rest = need - quota[item]
            if rest <= 0:
                continue
            total += rest
            if place + rest * apart < self.k:
                continue
            # The first place for the next one that counts, as far from the last one as it must be.
            first = place + 1
            for back in range(1, apart):
                above = place + 1 - back
                if above >= 0 and quota[item if above == place else self.chosen[above]]:
                    first = above + apart
                    break
            if first + (rest - 1) * apart >= self.k:
                return False
        return total <= self.demands.serves * (self.k - place - 1)

    def _put(self, item: int) -> None:
        self.chosen.append(item)
        self.used[item] = True
        row = self.rows[item]
        for sets, most, full, counts in self.caps:
            for value in sets[row]:
                counts[value] += 1
                if counts[value] == most:
                    full.add(value)
        for number, (quota, _, _) in enumerate(self.demands.quotas):
            self.missing[number] -= quota[item]

    def _take_back(self) -> None:
        item = self.chosen.pop()
        self.used[item] = item in self.pinned
        self.first = min(self.first, item)
        row = self.rows[item]
        for sets, _, full, counts in self.caps:
            for value in sets[row]:
                counts[value] -= 1
                full.discard(value)
        for number, (quota, _, _) in enumerate(self.demands.quotas):
            self.missing[number] += quota[item]

    def _signature(self, item: int) -> int:
        """A number for all that the rules can tell of an item."""
        row, demands = self.rows[item], self.demands
        seen = (
            *(sets[row] for sets, _, _ in demands.limits),
            *(quota[item] for quota, _, _ in demands.quotas),
        )
        return self.numbers.setdefault(seen, len(self.numbers))

    def _state(self) -> object:
        """All of the present list on which the rest depends."""
        used = Counter(self._signature(item) for item in self.chosen)
        last = self.chosen[len(self.chosen) - min(self.reach, len(self.chosen)) :]
        return frozenset(used.items()), tuple(self._signature(item) for item in last)
