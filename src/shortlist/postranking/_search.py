"""The search for a list that keeps every rule, for one list at a time."""

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
        caps: pairs of the values of each item and how often a value may occur.
        gaps: pairs of the values of each item and how far apart two of one value must stand.
        quotas: which items count, how many must be in the list, and how far apart they must stand
            by the gaps; 1 for items that may be neighbours.
        pins: the item that must stand at a place.
    """

    caps: list[tuple[Sequence[frozenset[int]], int]] = field(default_factory=list)
    gaps: list[tuple[Sequence[frozenset[int]], int]] = field(default_factory=list)
    quotas: list[tuple[Sequence[bool], int, int]] = field(default_factory=list)
    pins: dict[int, int] = field(default_factory=dict)


def arrange(size: int, k: int, demands: Demands) -> list[int] | None:
    """The first list in order of relevance that keeps every demand: ``k`` of ``size`` items.

    Each place holds the earliest item that leaves the rest of the list possible. None if there is
    no such list, or none was found with patience.
    """
    return _Search(size, k, demands).run()


class _Search:
    """Depth first, an item a place. Items that no rule tells apart are tried once."""

    def __init__(self, size: int, k: int, demands: Demands) -> None:
        self.size, self.k, self.demands = size, k, demands
        self.chosen: list[int] = []
        self.used = [False] * size
        self.counts = [defaultdict[int, int](int) for _ in demands.caps]
        self.missing = [need for _, need, _ in demands.quotas]
        self.pinned = set(demands.pins.values())
        self.reach = max((distance - 1 for _, distance in demands.gaps), default=0)
        self.signatures = [-1] * size
        self.numbers: dict[object, int] = {}
        # All items before this one are used.
        self.first = 0
        self.failed: set[object] = set()
        self.steps = 0
        # The most quotas that one item serves: with it, how many places the quotas still need.
        self.serves = max(
            map(sum, zip(*(quota for quota, _, _ in demands.quotas), strict=True)), default=0
        )

    def run(self) -> list[int] | None:
        found = [sum(quota) for quota, _, _ in self.demands.quotas]
        if any(there < need for there, need in zip(found, self.missing, strict=True)):
            return None
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
        if place in self.demands.pins:
            item = self.demands.pins[place]
            if not self.used[item] and self._fits(item):
                yield item
            return
        tried = set()
        while self.first < self.size and self.used[self.first]:
            self.first += 1
        for item in range(self.first, self.size):
            if self.used[item] or item in self.pinned:
                continue
            signature = self._signature(item)
            if signature not in tried:
                tried.add(signature)
                if self._fits(item):
                    yield item

    def _fits(self, item: int) -> bool:
        place = len(self.chosen)
        for counts, (values, most) in zip(self.counts, self.demands.caps, strict=True):
            for value in values[item]:
                if counts[value] >= most:
                    return False
        for values, distance in self.demands.gaps:
            mine = values[item]
            for other in self.chosen[max(0, place - distance + 1) :]:
                if not mine.isdisjoint(values[other]):
                    return False
        return not self.missing or self._leaves_room(item, place)

    def _leaves_room(self, item: int, place: int) -> bool:
        """Whether the places after this one are enough for the quotas."""
        total = 0
        for need, (quota, _, apart) in zip(self.missing, self.demands.quotas, strict=True):
            rest = need - 1 if quota[item] else need
            if rest <= 0:
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
            total += rest
        return total <= self.serves * (self.k - place - 1)

    def _put(self, item: int) -> None:
        self.chosen.append(item)
        self.used[item] = True
        for counts, (values, _) in zip(self.counts, self.demands.caps, strict=True):
            for value in values[item]:
                counts[value] += 1
        for number, (quota, _, _) in enumerate(self.demands.quotas):
            self.missing[number] -= bool(quota[item])

    def _take_back(self) -> None:
        item = self.chosen.pop()
        self.used[item] = False
        self.first = min(self.first, item)
        for counts, (values, _) in zip(self.counts, self.demands.caps, strict=True):
            for value in values[item]:
                counts[value] -= 1
        for number, (quota, _, _) in enumerate(self.demands.quotas):
            self.missing[number] += bool(quota[item])

    def _signature(self, item: int) -> int:
        """A number for all that the rules can tell of an item."""
        if self.signatures[item] < 0:
            seen = (
                *(values[item] for values, _ in self.demands.caps),
                *(values[item] for values, _ in self.demands.gaps),
                *(quota[item] for quota, _, _ in self.demands.quotas),
            )
            self.signatures[item] = self.numbers.setdefault(seen, len(self.numbers))
        return self.signatures[item]

    def _state(self) -> object:
        """All of the present list on which the rest depends."""
        used = Counter(self._signature(item) for item in self.chosen)
        last = self.chosen[len(self.chosen) - min(self.reach, len(self.chosen)) :]
        return frozenset(used.items()), tuple(self._signature(item) for item in last)
