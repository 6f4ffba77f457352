"""The search for a list that keeps every rule, for one list at a time."""

from __future__ import annotations

from collections import Counter
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
        quotas: pairs of which items count and how many must be in the list.
        pins: the item that must stand at a place.
    """

    caps: list[tuple[Sequence[frozenset[int]], int]] = field(default_factory=list)
    gaps: list[tuple[Sequence[frozenset[int]], int]] = field(default_factory=list)
    quotas: list[tuple[Sequence[bool], int]] = field(default_factory=list)
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
        self.counts = [Counter[int]() for _ in demands.caps]
        self.missing = [need for _, need in demands.quotas]
        self.pinned = set(demands.pins.values())
        self.reach = max((distance - 1 for _, distance in demands.gaps), default=0)
        self.signatures: list[object] = [None] * size
        self.failed: set[object] = set()
        self.steps = 0
        # The most quotas that one item serves: with it, how many places the quotas still need.
        self.serves = max(
            (sum(quota[i] for quota, _ in demands.quotas) for i in range(size)), default=0
        )

    def run(self) -> list[int] | None:
        found = [sum(quota) for quota, _ in self.demands.quotas]
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
        for item in range(self.size):
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
            if any(counts[value] >= most for value in values[item]):
                return False
        for values, distance in self.demands.gaps:
            mine = values[item]
            if any(mine & values[other] for other in self.chosen[max(0, place - distance + 1) :]):
                return False
        left = self.k - place - 1
        needs = [
            need - (need > 0 and quota[item])
            for need, (quota, _) in zip(self.missing, self.demands.quotas, strict=True)
        ]
        return not needs or (
            max(needs) <= left and -(-sum(max(n, 0) for n in needs) // max(self.serves, 1)) <= left
        )

    def _put(self, item: int) -> None:
        self.chosen.append(item)
        self.used[item] = True
        for counts, (values, _) in zip(self.counts, self.demands.caps, strict=True):
            counts.update(values[item])
        for number, (quota, _) in enumerate(self.demands.quotas):
            self.missing[number] -= bool(quota[item])

    def _take_back(self) -> None:
        item = self.chosen.pop()
        self.used[item] = False
        for counts, (values, _) in zip(self.counts, self.demands.caps, strict=True):
            counts.subtract(values[item])
        for number, (quota, _) in enumerate(self.demands.quotas):
            self.missing[number] += bool(quota[item])

    def _signature(self, item: int) -> object:
        """All that the rules can tell of an item."""
        if self.signatures[item] is None:
            self.signatures[item] = (
                tuple(values[item] for values, _ in self.demands.caps),
                tuple(values[item] for values, _ in self.demands.gaps),
                tuple(quota[item] for quota, _ in self.demands.quotas),
            )
        return self.signatures[item]

    def _state(self) -> object:
        """All of the present list on which the rest depends."""
        used = Counter(self._signature(item) for item in self.chosen)
        last = self.chosen[len(self.chosen) - min(self.reach, len(self.chosen)) :]
        return frozenset(used.items()), tuple(self._signature(item) for item in last)
