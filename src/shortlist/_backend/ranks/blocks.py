"""How many candidates are scored at once."""

from __future__ import annotations

#: Scores at once: they are read twice after they are made, so they should stay in the cache.
BLOCK = 2**19


def block_size(queries: int | None) -> int:
    """Candidates a block for this many queries (for about a thousand where it is not known).

    >>> block_size(512), block_size(10_000_000), block_size(1)
    (1024, 64, 4096)
    """
    return min(max(BLOCK // max(queries or 1024, 1), 64), 4096)
