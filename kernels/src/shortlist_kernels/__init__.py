"""The k rows with the largest inner products, found in 8-bit integers and proved in doubles.

    pack = Pack(capacity=len(vectors), dim=vectors.shape[1])
    pack.write(0, vectors)
    scores, rows = scan([Part(pack, vectors, len(vectors), first=0)], queries, k=10)

The answer is the one that scoring every row in doubles would give, ties going to the lower row;
`csrc/scan.c` says why. `shortlist.index.Exact` uses this where it is installed.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["BLOCK", "Pack", "Part", "paths", "scan"]
__version__ = "0.1.0"

# Rows that share error bounds; parts of a pack begin at multiples of it.
BLOCK = 1024
_LINE = 64
_LIBRARY = Path(__file__).with_name("_scan.dll" if sys.platform == "win32" else "_scan.so")


class _Chunk(ctypes.Structure):
    _fields_ = (
        ("codes", ctypes.c_void_p),
        ("inverse", ctypes.c_void_p),
        ("bounds", ctypes.c_void_p),
        ("vectors", ctypes.c_void_p),
        ("rows", ctypes.c_int64),
        ("first", ctypes.c_int64),
    )


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(_LIBRARY))
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.shortlist_path.argtypes = [ctypes.c_int]
    library.shortlist_path.restype = ctypes.c_char_p
    library.shortlist_pack.argtypes = [pointer, number, number, number, pointer, pointer, pointer]
    library.shortlist_pack.restype = ctypes.c_int
    library.shortlist_scan.argtypes = [
        *(ctypes.c_char_p, ctypes.POINTER(_Chunk), number, number, pointer, number, number),
        *(pointer, pointer, pointer, pointer, pointer),
    ]
    library.shortlist_scan.restype = ctypes.c_int
    return library


@cache
def paths() -> tuple[str, ...]:
    """The instructions this processor can scan with, the fastest first; the last is plain C."""
    found: list[str] = []
    while (name := _library().shortlist_path(len(found))) is not None:
        found.append(name.decode())
    return tuple(found)


class Pack:
    """Rows as 8-bit codes, with room for more.

    Args:
        capacity: rows there is room for.
        dim: the dimension of the vectors.
    """

    def __init__(self, capacity: int, dim: int) -> None:
        blocks = max(1, -(-capacity // BLOCK))
        self.capacity = blocks * BLOCK
        self.dim = dim
        self.row_bytes = -(-dim // 4) * 4
        self.codes = _aligned(self.capacity * self.row_bytes)
        self.inverse = np.zeros(self.capacity, dtype=np.float32)
        self.bounds = np.zeros((blocks, 2), dtype=np.float32)

    @property
    def nbytes(self) -> int:
        """The memory it takes."""
        return int(self.codes.nbytes + self.inverse.nbytes + self.bounds.nbytes)

    def write(self, at: int, vectors: np.ndarray) -> None:
        """Write ``vectors`` ``[n, dim]`` from row ``at`` on, where nothing was written yet.

        Searches over the rows before ``at`` may go on meanwhile.
        """
        array = _float32(vectors, self.dim)
        if at < 0 or at + len(array) > self.capacity:
            raise ValueError(f"Rows {at} to {at + len(array)} do not fit in {self.capacity}.")
        code = _library().shortlist_pack(
            array.ctypes.data,
            len(array),
            self.dim,
            at,
            self.codes.ctypes.data,
            self.inverse.ctypes.data,
            self.bounds.ctypes.data,
        )
        if code:
            raise MemoryError("No memory for the codes of a row.")


@dataclass(frozen=True, eq=False)
class Part:
    """Rows to be scanned: ``start`` to ``stop`` of a pack and the float32 they were made of.

    Attributes:
        pack: their codes.
        vectors: ``[capacity, dim]`` float32, C-contiguous.
        stop: the end of the rows in the pack.
        first: the number of the row at ``start``.
        start: a multiple of `BLOCK`.
    """

    pack: Pack
    vectors: np.ndarray
    stop: int
    first: int
    start: int = 0

    def _chunk(self) -> _Chunk:
        if self.start % BLOCK or not 0 <= self.start <= self.stop <= self.pack.capacity:
            raise ValueError(f"Rows {self.start} to {self.stop} are no part of the pack.")
        if len(self.vectors) < self.stop or not self.vectors.flags.c_contiguous:
            raise ValueError("Expected the vectors of the pack, C-contiguous.")
        _float32(self.vectors, self.pack.dim)
        return _Chunk(
            self.pack.codes.ctypes.data + self.start * self.pack.row_bytes,
            self.pack.inverse.ctypes.data + 4 * self.start,
            self.pack.bounds.ctypes.data + 8 * (self.start // BLOCK),
            self.vectors.ctypes.data + 4 * self.start * self.pack.dim,
            self.stop - self.start,
            self.first,
        )


def scan(
    parts: Sequence[Part],
    queries: np.ndarray,
    k: int,
    *,
    hidden: np.ndarray | None = None,
    denied: tuple[np.ndarray, np.ndarray] | None = None,
    path: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (float32) and rows (int64) ``[B, k]``, best first; -inf where there are none left.

    Args:
        parts: the rows, in ascending order of number.
        queries: ``[B, dim]``; finite numbers below 1e17, as the vectors.
        k: at least 1.
        hidden: bool by row number: rows that must not come back.
        denied: offsets ``[B + 1]`` and rows, both int64: of query b the rows from offset b to
            offset b + 1, ascending, must not come back.
        path: one of `paths`; the first by default.
    """
    if k < 1:
        raise ValueError(f"Expected k of at least 1; received {k}.")
    dim = parts[0].pack.dim
    array = _float32(queries, dim)
    scores = np.empty((len(array), k), dtype=np.float32)
    rows = np.empty((len(array), k), dtype=np.int64)
    chunks = (_Chunk * len(parts))(*(part._chunk() for part in parts))
    end = max(part.first + part.stop - part.start for part in parts)
    offsets, deny = (None, None) if denied is None else denied
    _check(hidden, end, offsets, deny, len(array))
    code = _library().shortlist_scan(
        (path or paths()[0]).encode(),
        *(chunks, len(parts), dim, array.ctypes.data, len(array), k),
        *(None if given is None else given.ctypes.data for given in (hidden, offsets, deny)),
        *(scores.ctypes.data, rows.ctypes.data),
    )
    if code == 2:
        raise MemoryError(f"No memory for {len(array)} queries of {k} rows each.")
    if code:
        raise ValueError(f"Expected one of {paths()}; received {path!r}.")
    return scores, rows


def _check(
    hidden: np.ndarray | None,
    end: int,
    offsets: np.ndarray | None,
    deny: np.ndarray | None,
    batch: int,
) -> None:
    """What is handed to C must be what C takes it for."""
    if hidden is not None and (
        hidden.dtype != bool or len(hidden) < end or not hidden.flags.c_contiguous
    ):
        raise ValueError(f"Expected hidden as bool [{end}] or longer.")
    if offsets is None or deny is None:
        return
    for given in (offsets, deny):
        if given.dtype != np.int64 or not given.flags.c_contiguous:
            raise ValueError("Expected offsets and denied rows as int64.")
    if len(offsets) != batch + 1 or offsets[0] < 0 or offsets[-1] > len(deny):
        raise ValueError(f"Expected {batch + 1} offsets within {len(deny)} denied rows.")
    if (np.diff(offsets) < 0).any():
        raise ValueError("Expected offsets that ascend.")


def _float32(array: np.ndarray, dim: int) -> np.ndarray:
    if array.ndim != 2 or array.shape[1] != dim or array.dtype != np.float32:
        raise ValueError(f"Expected float32 [n, {dim}]; received {array.dtype} {array.shape}.")
    return np.ascontiguousarray(array)


def _aligned(size: int) -> np.ndarray:
    """Zeroed bytes that begin at a cache line."""
    buffer: np.ndarray[Any, np.dtype[np.uint8]] = np.zeros(size + _LINE, dtype=np.uint8)
    start = -buffer.ctypes.data % _LINE
    return buffer[start : start + size]
