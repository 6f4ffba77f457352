"""A hash that is the same in every process, on every machine and in every release.

It is FNV-1a with 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/) over the bytes of a value,
finished by the mixing step of MurmurHash3 (``fmix64``), without which the low bits of short
strings would be poor. Strings are hashed as UTF-8, integers as their decimal digits (so that 7 and
"7" agree), booleans as "true" and "false", bytes as they are. It is no protection against somebody
who looks for collisions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from shortlist.features.series import FEW

__all__ = ["hash_bytes", "hash_codes"]

_OFFSET, _PRIME = 0xCBF29CE484222325, 0x100000001B3
_MIX = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53
_MASK = 2**64 - 1
_BLOCK = 1 << 19


def hash_codes(values: pl.Series, buckets: int) -> np.ndarray:
    """Codes from 1 to ``buckets`` for ids, 0 for nulls: int32 ``[N]``.

    >>> hash_codes(pl.Series(["a", None, "b", "a"]), 1000).tolist()
    [316, 0, 705, 316]
    """
    codes = np.zeros(len(values), dtype=np.int32)
    if len(values) <= FEW:
        for row, value in enumerate(_bytes(values)):
            if value is not None:
                codes[row] = 1 + hash_bytes(value) % buckets
        return codes
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        known = np.flatnonzero(block.is_not_null().to_numpy())
        hashes = _hash_all(_bytes(block.drop_nulls()))
        codes[start + known] = 1 + hashes % np.uint64(buckets)
    return codes


def hash_bytes(value: bytes) -> int:
    """The hash of one value, from 0 to 2^64 - 1.

    >>> hex(hash_bytes(b"a"))
    '0x82a2a958a9bece5b'
    """
    state = _OFFSET
    for byte in value:
        state = ((state ^ byte) * _PRIME) & _MASK
    for factor in _MIX:
        state = ((state ^ (state >> 33)) * factor) & _MASK
    return state ^ (state >> 33)


def _hash_all(values: list[bytes]) -> np.ndarray:
    """`hash_bytes` of each value, uint64 ``[N]``, one byte of all values at a time."""
    lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
    # From long to short: those that still have a byte are then always at the front.
    order = np.argsort(-lengths, kind="stable")
    starts = (np.cumsum(lengths) - lengths)[order]
    content = np.frombuffer(b"".join(values), dtype=np.uint8)
    longer = len(values) - np.cumsum(np.bincount(lengths, minlength=1))
    state = np.full(len(values), _OFFSET, dtype=np.uint64)
    prime, shift = np.uint64(_PRIME), np.uint64(33)
    for place, count in enumerate(longer[:-1].tolist()):
        state[:count] = (state[:count] ^ content[starts[:count] + place]) * prime
    for factor in _MIX:
        state = (state ^ (state >> shift)) * np.uint64(factor)
    hashes = np.empty_like(state)
    hashes[order] = state ^ (state >> shift)
    return hashes


def _bytes(values: pl.Series) -> list[Any]:
    """Each value as bytes; None stays None."""
    if values.dtype == pl.Binary:
        return values.to_list()
    return [None if text is None else text.encode() for text in values.cast(pl.String).to_list()]
