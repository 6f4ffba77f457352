"""`Rules`: what every list must keep, all at once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, nearest
from shortlist.index.base import check_k
from shortlist.postranking._greedy import front
from shortlist.postranking._keeping import MANY
from shortlist.postranking._search import Demands, arrange
from shortlist.postranking._together import Bounds, Count, Limit, arrange_together
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.postranking.items import ItemTable
from shortlist.ranked import Ranked

__all__ = ["Cap", "Gap", "Pin", "Quota", "Rules"]


@final
@dataclass(frozen=True, kw_only=True)
class Cap:
    """At most ``at_most`` items of each value of a column."""

    column: str
    at_most: int

    def __post_init__(self) -> None:
        check_k(self.at_most)


@final
@dataclass(frozen=True, kw_only=True)
class Gap:
    """Two items of one value of a column stand at least ``places`` apart; 2 parts neighbours."""

    column: str
    places: int

    def __post_init__(self) -> None:
        check_k(self.places)


@final
@dataclass(frozen=True, kw_only=True)
class Quota:
    """At least ``at_least`` items of one value of a column."""

    column: str
    value: Any
    at_least: int

    def __post_init__(self) -> None:
        check_k(self.at_least)
        _check_plain("a quota's value", self.value)


@final
@dataclass(frozen=True, kw_only=True)
class Pin:
    """One item stands at one place, counted from 1, in the lists whose pool holds the item."""

    item: Any
    place: int

    def __post_init__(self) -> None:
        check_k(self.place)
        _check_plain("a pin's item", self.item)


Rule = Cap | Gap | Quota | Pin
_KINDS: dict[str, type[Rule]] = {"cap": Cap, "gap": Gap, "quota": Quota, "pin": Pin}


@final
@dataclass(frozen=True, kw_only=True)
class Rules(PostRanker):
    """Makes the first ``context.k`` places keep several rules together.

    Each place holds the highest item that leaves it possible to keep every rule to the end, so
    a list that keeps the rules already is not changed, and rules are never broken where they can be
    kept. Where they cannot, or no way is found in 20,000 steps, a rule is given up for that list if
    it cannot be kept together with those before it: name the most important first. What was given
    up is counted. The rest of the pool follows in its order; items keep their scores.

    A list that is shorter than ``context.k`` keeps the rules over its own length. Items that are
    not in the table, or have no value, are bound by no rule about values.

    Args:
        rules: `Cap`, `Gap`, `Quota` and `Pin`, the most important first; in a configuration tables
            such as ``{"rule": "cap", "column": "genre", "at_most": 3}``.

    Raises:
        ConfigError: a rule is none of these, or two pins contradict each other.

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [1, 2, 3, 4], "brand": ["a", "a", "b", "c"]})
    >>> pool = Ranked(np.array([[1, 2, 3, 4]]), np.array([[4.0, 3.0, 2.0, 1.0]]), np.ones((1, 4)))
    >>> context = Context(Queries.of(["anna"]), k=3, items=items)
    >>> rules = [Gap(column="brand", places=2), Quota(column="brand", value="c", at_least=1)]
    >>> Rules(rules=rules)(pool, context).lists()
    [[1, 3, 4, 2]]
    """

    rules: tuple[Rule, ...]
    name: ClassVar[str] = "rules"
    stage: ClassVar[Stage] = Stage.RULE

    def __post_init__(self) -> None:
        given: object = self.rules
        if not isinstance(given, list | tuple):
            raise ConfigError(f"Expected a list of rules; received {given!r}.")
        object.__setattr__(self, "rules", tuple(_rule(rule) for rule in given))
        pins = [rule for rule in self.rules if isinstance(rule, Pin)]
        for what in ("item", "place"):
            named = [getattr(pin, what) for pin in pins]
            if len(set(named)) < len(named):
                raise ConfigError(f"Expected pins of different items and places; received {pins}.")

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return "as the list is to keep its rules"

    def to_config(self) -> dict[str, Any]:
        """The rules as tables."""
        kinds = {kind: name for name, kind in _KINDS.items()}
        tables = [{"rule": kinds[type(rule)]} | dataclasses.asdict(rule) for rule in self.rules]
        return {"name": self.name, "rules": tables}

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Search a way to keep the rules for each list."""
        chosen = np.tile(np.arange(min(context.k, ranked.k)), (len(ranked), 1))
        table = context.table(self) if self._columns else None
        places = None if table is None else table.places(ranked.ids)
        sizes = ranked.valid.sum(axis=1)
        left = np.arange(len(ranked))
        if table is not None and places is not None and len(ranked) >= MANY:
            left = self._together(ranked, context.k, table, places, chosen)
        for row, size in zip(left.tolist(), sizes[left].tolist(), strict=True):
            mine = _Pool(ranked.ids[row, :size], table, None if places is None else places[row])
            k = min(context.k, size)
            found = self._arranged(self.rules, mine, k)
            if found is None:
                found = self._relaxed(mine, k, context)
            chosen[row, :k] = found
        return front(ranked, chosen)

    def _together(
        self, ranked: Ranked, k: int, table: ItemTable, places: np.ndarray, chosen: np.ndarray
    ) -> np.ndarray:
        """Fill the rows of ``chosen`` that need no search, and say which ones are left."""
        alone = ranked.valid.sum(axis=1) < k
        rows = np.flatnonzero(~alone)
        if len(rows):
            limits = _limits(self.rules, k)
            bounds = Bounds(
                [Limit(table.codes(column)[0], *limit) for column, limit in limits.items()],
                [
                    Count(
                        table.having(rule.column, rule.value),
                        min(rule.at_least, ranked.k + 1),
                        limits.get(rule.column, (k, 1))[1],
                    )
                    for rule in self.rules
                    if isinstance(rule, Quota)
                ],
                self._pins(ranked, k),
            )
            chosen[rows], done = arrange_together(
                k, places[rows], ranked.valid[rows], bounds.of(rows)
            )
            alone[rows] = ~done
        return np.flatnonzero(alone)

    def _pins(self, ranked: Ranked, k: int) -> dict[int, np.ndarray]:
        """By place, from 0, the column ``[B]`` of the item that is pinned to it, -1 for none."""
        pins = {rule.place - 1: rule.item for rule in self.rules if isinstance(rule, Pin)}
        lists = ranked.lists() if pins else []
        return {
            place: np.array([ids.index(item) if item in ids else -1 for ids in lists])
            for place, item in pins.items()
            if place < k
        }

    def _arranged(self, rules: tuple[Rule, ...], pool: _Pool, k: int) -> list[int] | None:
        demands = self._demands(rules, pool, k)
        return None if demands is None else arrange(k, demands)

    def _relaxed(self, pool: _Pool, k: int, context: Context) -> list[int]:
        """A list that keeps each rule that can be kept together with those before it."""
        kept: tuple[Rule, ...] = ()
        best = list(range(k))
        for rule in self.rules:
            found = self._arranged((*kept, rule), pool, k)
            if found is None:
                context.counts[f"{self.name}: gave up {rule}"] += 1
            else:
                kept, best = (*kept, rule), found
        return best

    @property
    def _columns(self) -> list[str]:
        return [rule.column for rule in self.rules if not isinstance(rule, Pin)]

    def _demands(self, rules: tuple[Rule, ...], pool: _Pool, k: int) -> Demands | None:
        """The rules as they bear on one list; None if it has too few items for a quota."""
        demands, counting = Demands(pool.rows), []
        limits = _limits(rules, k)
        for rule in rules:
            if isinstance(rule, Pin):
                column = pool.column_of(rule.item)
                if column is not None and rule.place <= k:
                    demands.pins[rule.place - 1] = column
        for quota in rules:
            if isinstance(quota, Quota):
                having = pool.table.having(quota.column, quota.value)[pool.places]
                if np.count_nonzero(having) < quota.at_least:
                    return None
                counting.append(having)
                apart = limits.get(quota.column, (k, 1))[1]
                # As bytes: numbers 0 and 1 that Python reads fast.
                demands.quotas.append((having.tobytes(), quota.at_least, apart))
        if counting:
            demands.serves = int(np.max(np.sum(counting, axis=0), initial=0))
        demands.limits = [(pool.table.sets(column), *limit) for column, limit in limits.items()]
        return demands


def _limits(rules: tuple[Rule, ...], k: int) -> dict[str, tuple[int, int]]:
    """By column: how often one value may occur, and how far apart two items of it must stand."""
    limits: dict[str, tuple[int, int]] = {}
    for rule in rules:
        if isinstance(rule, Cap | Gap):
            most, apart = limits.get(rule.column, (k, 1))
            if isinstance(rule, Cap):
                limits[rule.column] = min(most, rule.at_most), apart
            else:
                # No two places of the list are further apart than that.
                limits[rule.column] = most, min(max(apart, rule.places), max(k, 1))
    return limits


class _Pool:
    """What rules see of the items of one list.

    Args:
        ids: ``[P]``.
        table: the items' attributes, or None where no rule looks at any.
        places: where the items stand in it.
    """

    def __init__(self, ids: np.ndarray, table: ItemTable | None, places: np.ndarray | None) -> None:
        self._ids = ids
        self.table = _NOTHING if table is None else table
        self.places = np.full(len(ids), -1) if places is None else places[: len(ids)]
        self.rows: list[int] = self.places.tolist()

    def column_of(self, item: Any) -> int | None:
        """Where an item stands, or None."""
        ids = self._ids.tolist()
        return ids.index(item) if item in ids else None


_NOTHING = ItemTable(pl.DataFrame({"item": []}))


def _check_plain(what: str, value: Any) -> None:
    """Raise `ConfigError` for lists and tables, which are no values of an item."""
    if isinstance(value, list | tuple | dict | set | frozenset | np.ndarray):
        raise ConfigError(
            f"Expected {what} to be one value, such as 'drama'; received {value!r}. "
            "Write a rule for each value."
        )


def _rule(given: Any) -> Rule:
    """A rule from itself or from its table in a configuration."""
    if isinstance(given, Cap | Gap | Quota | Pin):
        return given
    options = dict(given) if isinstance(given, dict) else {}
    kind = options.pop("rule", None)
    if kind not in _KINDS:
        raise ConfigError(
            f"Expected a rule, one of {sorted(_KINDS)}; received {given!r}."
            f"{nearest(str(kind), _KINDS)}"
        )
    try:
        return _KINDS[kind](**options)
    except TypeError as error:
        raise ConfigError(f"The rule {kind!r}: {error}.") from None
