"""The compiled 8-bit scan of the package `shortlist-kernels`, where it is installed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from shortlist.errors import ConfigError, MissingDependencyError
from shortlist.index._filters import Lists
from shortlist.index._rows import Rows
from shortlist.ranked import select_top

__all__ = ["LARGEST_DIM", "NUMPY", "Packs", "choose", "installed", "scan_int8"]

NUMPY = "numpy"
# Up to here sums of products of two 8-bit numbers stay within 32 bits.
LARGEST_DIM = 32768


@cache
def _compiled() -> tuple[str, ...]:
    """The compiled kernels that run here, the fastest first, plain C last; none without them."""
    try:
        import shortlist_kernels  # noqa: PLC0415 - optional

        return tuple(f"int8-{name}" for name in shortlist_kernels.paths())
    except (ImportError, OSError, AttributeError):
        return ()


def installed() -> tuple[str, ...]:
    """The kernels worth using here, the fastest first; NumPy is always the last."""
    # Plain C is there for tests: it is no faster than NumPy.
    return (*(name for name in _compiled() if name != "int8-plain"), NUMPY)


def choose(kernel: Any) -> str:
    """The kernel that is meant by what a caller said.

    Raises:
        ConfigError: there is no such kernel.
        MissingDependencyError: it is not there on this machine.
    """
    if kernel is None:
        return installed()[0]
    if kernel in (NUMPY, *_compiled()):
        return str(kernel)
    if not isinstance(kernel, str) or not kernel.startswith("int8"):
        raise ConfigError(
            f"Expected kernel to be None, 'int8' or one of {installed()}; received {kernel!r}."
        )
    if kernel != "int8" or installed()[0] == NUMPY:
        raise MissingDependencyError(
            f"The kernel {kernel!r} is not available here; there are {installed()}. It comes with "
            "the package 'shortlist-kernels', for processors with AVX2, AVX-512 VNNI or Arm's dot "
            "product: pip install ./kernels in a checkout of shortlist."
        )
    return installed()[0]


class Packs:
    """The 8-bit codes of the chunks of `Rows`, made when they are first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: list[tuple[np.ndarray, Any]] | None = None

    def of(self, rows: Rows) -> list[tuple[np.ndarray, Any]]:
        """Each chunk with its codes."""
        with self._lock:
            if self._made is None:
                self._made = [(c, _packed(c, used)) for c, used, _ in _used(rows)]
            return self._made

    @property
    def nbytes(self) -> int:
        """The memory they take; 0 until they are made."""
        return sum(pack.nbytes for _, pack in self._made or ())

    def grown(self, rows: Rows, before: Rows) -> Packs:
        """Those of ``rows``, which continue ``before``, the rows of these."""
        made = self.of(before)
        fresh = Packs()
        fresh._made = []
        for place, (chunk, used, first) in enumerate(_used(rows)):
            if place >= len(made):
                fresh._made.append((chunk, _packed(chunk, used)))
                continue
            old = min(max(before.total - first, 0), used)
            if old < used:
                made[place][1].write(old, chunk[old:used])
            fresh._made.append(made[place])
        return fresh


def scan_int8(
    kernel: str,
    packs: Packs,
    rows: Rows,
    queries: np.ndarray,
    k: int,
    *,
    allowed: Lists | None,
    denied: Lists | None,
    threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows ``[B, k]`` of the best rows, best first; -inf where there are none left.

    ``allowed`` is meant for all queries, if given.
    """
    import shortlist_kernels as compiled  # noqa: PLC0415 - optional

    options = {
        "hidden": _hidden(rows, allowed, denied),
        "denied": _denials(denied, len(queries)),
        "path": kernel.removeprefix("int8-"),
    }
    parts = [
        compiled.Part(pack, chunk, used, first)
        for (chunk, pack), (_, used, first) in zip(packs.of(rows), _used(rows), strict=True)
    ]
    if threads == 1:
        return compiled.scan(parts, queries, k, **options)
    step = -(-rows.total // threads // compiled.BLOCK) * compiled.BLOCK
    shares = [
        compiled.Part(
            part.pack, part.vectors, min(start + step, part.stop), part.first + start, start
        )
        for part in parts
        for start in range(0, part.stop, step)
    ]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda p: compiled.scan([p], queries, k, **options), shares))
    # The shares are in the order of rows, so the lower row goes on winning ties.
    scores, places = (np.concatenate(side, axis=1) for side in zip(*found, strict=True))
    columns = select_top(scores, k)
    return np.take_along_axis(scores, columns, 1), np.take_along_axis(places, columns, 1)


def _used(rows: Rows) -> list[tuple[np.ndarray, int, int]]:
    """Each chunk, how many of its rows this snapshot sees, and the number of its first."""
    found, first = [], 0
    for chunk in rows.chunks:
        found.append((chunk, min(len(chunk), rows.total - first), first))
        first += len(chunk)
    return found


def _packed(chunk: np.ndarray, used: int) -> Any:
    import shortlist_kernels  # noqa: PLC0415 - optional

    pack = shortlist_kernels.Pack(len(chunk), chunk.shape[1])
    pack.write(0, chunk[:used])
    return pack


def _hidden(rows: Rows, allowed: Lists | None, denied: Lists | None) -> np.ndarray | None:
    """The rows hidden from all queries, bool by row number."""
    dead = rows.dead[: rows.total]
    hidden = None if rows.alive == rows.total else dead
    if allowed is not None:
        hidden = ~allowed.mask(rows.total) | dead
    if denied is not None and denied.owners is None and len(denied.rows):
        hidden = dead.copy() if hidden is None or hidden is dead else hidden
        hidden[denied.rows] = True
    return hidden


def _denials(denied: Lists | None, batch: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Offsets and rows of what is hidden from single queries."""
    if denied is None or denied.owners is None or not len(denied.rows):
        return None
    order = np.lexsort((denied.rows, denied.owners))
    offsets = np.searchsorted(denied.owners, np.arange(batch + 1))
    return offsets.astype(np.int64), denied.rows[order].astype(np.int64)
