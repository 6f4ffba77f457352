"""How many candidates are scored at once, and when queries are left out."""

from __future__ import annotations

from collections.abc import Iterator

#: Scores at once: they are read twice after they are made, so they should stay in the cache.
BLOCK = 2**19

#: Candidates after which queries are left out for the first time; then after each doubling.
FIRST_LOOK = 256


def block_size(queries: int) -> int:
    """Candidates a block for this many queries.

    >>> block_size(512), block_size(10_000_000), block_size(1)
    (1024, 64, 4096)
    """
    return min(max(BLOCK // max(queries, 1), 64), 4096)


def groups(candidates: int) -> Iterator[tuple[int, int]]:
    """Where each group of candidates begins and ends, after which queries are left out.

    >>> list(groups(1682))
    [(0, 256), (256, 512), (512, 1024), (1024, 1682)]
    """
    first, last = 0, FIRST_LOOK
    while first < candidates:
        yield first, min(last, candidates)
        first, last = last, 2 * last
