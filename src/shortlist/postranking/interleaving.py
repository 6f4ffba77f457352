"""`interleave`: one list out of several, fairly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.errors import DataError
from shortlist.ids import filler, flatten
from shortlist.index.base import check_k
from shortlist.postranking._random import generators
from shortlist.queries import Queries
from shortlist.ranked import Ranked

__all__ = ["interleave"]


def interleave(
    rankings: Sequence[Ranked], queries: Queries, k: int, *, seed: int = 0
) -> tuple[Ranked, np.ndarray]:
    """Mix rankings by team draft (Radlinski, Kurup and Joachims 2008).

    In each round every ranking, in an order drawn anew, adds its highest item that is not in the
    list yet. Compare rankings by the clicks on the items each has added, or use it to mix sources.

    Args:
        rankings: two or more, each with a list for every query. Scores of different sources cannot
            be compared and are not looked at.
        queries: who asks; decides the draw together with the seed.
        k: places in each list.
        seed: of the draw.

    Returns:
        The `Ranked` ``[B, k]`` with scores from ``k`` downward, and ``[B, k]`` int64: which ranking
        added the item, -1 for invalid places.

    Raises:
        ConfigError: ``k`` is not a positive integer.
        DataError: there are fewer than two rankings, or one has not a list for every query.

    >>> one, other = (
    ...     Ranked(np.array([ids]), np.zeros((1, 3)), np.ones((1, 3)))
    ...     for ids in ([1, 2, 3], [2, 4, 5])
    ... )
    >>> mixed, teams = interleave([one, other], Queries.of(["anna"]), k=4)
    >>> sorted(mixed.lists()[0]), np.bincount(teams[0]).tolist()
    ([1, 2, 3, 4], [2, 2])
    """
    k = check_k(k)
    if len(rankings) < 2:
        raise DataError(f"Expected two or more rankings; received {len(rankings)}.")
    for number, ranked in enumerate(rankings):
        if len(ranked) != len(queries):
            raise DataError(
                f"Expected a list for each of {len(queries)} queries; ranking {number} has "
                f"{len(ranked)}."
            )
    random = generators(queries, seed, "interleave")
    lists = [ranked.lists() for ranked in rankings]
    drafts = [_draft([mine[row] for mine in lists], k, draw) for row, draw in enumerate(random)]
    flat, owners = flatten([items for items, _ in drafts])
    places = np.concatenate([np.arange(len(items)) for items, _ in drafts]) if drafts else owners
    valid = np.zeros((len(queries), k), dtype=bool)
    ids = np.full(valid.shape, filler(flat.dtype)[0], dtype=flat.dtype)
    teams = np.full(valid.shape, -1, dtype=np.int64)
    if len(flat):
        valid[owners, places] = True
        ids[owners, places] = flat
        teams[owners, places] = [team for _, mine in drafts for team in mine]
    return Ranked(ids, np.where(valid, np.arange(k, 0, -1), -np.inf), valid), teams


def _draft(
    lists: list[list[object]], k: int, draw: np.random.Generator
) -> tuple[list[object], list[int]]:
    """The items of one list and the team of each."""
    taken: dict[object, int] = {}
    waiting = [iter(items) for items in lists]
    teams = list(range(len(lists)))
    while teams and len(taken) < k:
        # A team that has run out drops out of the next rounds.
        for team in draw.permutation(teams).tolist():
            item = next((i for i in waiting[team] if i not in taken), None)
            if item is None:
                teams.remove(team)
            elif len(taken) < k:
                taken[item] = team
    return list(taken), list(taken.values())
