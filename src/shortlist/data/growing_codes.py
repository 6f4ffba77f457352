"""`GrowingCodes`: dense codes for ids as they come by, block after block, in bounded memory.

What `first_appearance` does with a whole column this does with a stream: the first id met has code
1, the next new one code 2. A hash table of codes in NumPy arrays, 4 bytes a slot and 8 or 16 for
each distinct id; ids that are text are kept as hashes alone, so their length costs nothing.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from shortlist.errors import DataError

__all__ = ["GrowingCodes"]

# So many rows at a time, that what is made of them stays in the processor's cache.
_BLOCK = 16_384
_SMALLEST = 18
_FULL = 0.55
# 2^64 divided by the golden ratio: neighbouring numbers come to lie far apart.
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SEEDS = (0x51_0C, 0x7E_A5)


class GrowingCodes:
    """Codes from 1 for ids in the order of their first appearance.

    Integers are told apart exactly. Of text and bytes 128 bits of hashes are kept: the chance that
    any two of a billion ids are taken for one is below 1e-20.

    >>> codes = GrowingCodes()
    >>> codes.encode(pl.Series(["b", "a", "b"])).tolist(), codes.fresh.to_list()
    ([1, 2, 1], ['b', 'a'])
    >>> codes.encode(pl.Series(["c", "a"])).tolist(), codes.fresh.to_list(), len(codes)
    ([3, 2], ['c'], 3)
    """

    def __init__(self) -> None:
        self.dtype: pl.DataType | None = None
        self.fresh = pl.Series("id", [], dtype=pl.Int64)
        self._count = 0
        self._bits = _SMALLEST
        self._slots = np.zeros(1 << self._bits, dtype=np.int32)
        # What is known of the id with each code: the number or the hash, and of text another hash.
        self._keys = np.zeros(_room(0), dtype=np.uint64)
        self._checks = np.zeros(0, dtype=np.uint64)

    @classmethod
    def of(cls, ids: pl.Series) -> GrowingCodes:
        """Codes that have met distinct ``ids``, in the order of their codes."""
        made = cls()
        made.encode(ids)
        return made

    def __len__(self) -> int:
        """How many distinct ids there have been."""
        return self._count

    def encode(self, ids: pl.Series) -> np.ndarray:
        """The codes ``[N]`` int32 of a block of ids without nulls; what is new in it is `fresh`.

        Args:
            ids: Int64, String or Binary, always of the same.

        Raises:
            DataError: they are of another type than those before.
        """
        if self.dtype is None:
            self.dtype = ids.dtype
            if not ids.dtype.is_integer():
                self._checks = np.zeros_like(self._keys)
        if ids.dtype != self.dtype:
            raise DataError(f"Expected ids of type {self.dtype}, as before; received {ids.dtype}.")
        keys, checks = self._hashed(ids)
        codes = np.empty(len(keys), dtype=np.int32)
        fresh = []
        for start in range(0, len(keys), _BLOCK):
            part = slice(start, start + _BLOCK)
            known = None if checks is None else checks[part]
            fresh.append(self._encode(keys[part], known, codes[part]) + start)
        self.fresh = ids.gather(np.concatenate(fresh)) if fresh else ids
        return codes

    def _hashed(self, ids: pl.Series) -> tuple[np.ndarray, np.ndarray | None]:
        if ids.dtype.is_integer():
            return ids.to_numpy().view(np.uint64), None
        first, second = (ids.hash(seed=seed).to_numpy() for seed in _SEEDS)
        return first, second

    def _encode(self, keys: np.ndarray, checks: np.ndarray | None, codes: np.ndarray) -> np.ndarray:
        """Fill in ``codes``; the rows in which an id is met for the first time."""
        self._make_room(len(keys))
        slots = self._homes(keys)
        np.take(self._slots, slots, out=codes)
        pending = np.flatnonzero(self._differs(codes, keys, checks))
        while len(pending):
            slots[pending] = (slots[pending] + 1) & (len(self._slots) - 1)
            codes[pending] = self._slots[slots[pending]]
            known = None if checks is None else checks[pending]
            pending = pending[self._differs(codes[pending], keys[pending], known)]
        missing = np.flatnonzero(codes == 0)
        if not len(missing):
            return missing
        owners = self._claim(missing, slots, keys, checks)
        first = missing[owners == missing]
        last = self._count + len(first)
        codes[first] = np.arange(self._count + 1, last + 1, dtype=np.int32)
        codes[missing] = codes[owners]
        self._slots[slots[first]] = codes[first]
        self._keys[self._count + 1 : last + 1] = keys[first]
        if checks is not None:
            self._checks[self._count + 1 : last + 1] = checks[first]
        self._count = last
        return first

    def _differs(
        self, codes: np.ndarray, keys: np.ndarray, checks: np.ndarray | None
    ) -> np.ndarray:
        """Where a slot holds the code of another id; an empty one, code 0, does not."""
        other = self._keys[codes] != keys
        if checks is not None:
            other |= self._checks[codes] != checks
        return other & (codes != 0)

    def _claim(
        self, rows: np.ndarray, slots: np.ndarray, keys: np.ndarray, checks: np.ndarray | None
    ) -> np.ndarray:
        """The first of ``rows`` with the same id as each; it holds a slot by a negative number."""
        owners = np.empty(len(rows), dtype=np.int64)
        pending = np.arange(len(rows))
        while len(pending):
            at = rows[pending]
            free = self._slots[slots[at]] == 0
            # Of several for one slot the last to be written wins: so the first row is written last.
            mine = at[free][::-1]
            self._slots[slots[mine]] = -1 - mine
            holder = -1 - self._slots[slots[at]].astype(np.int64)
            held = holder >= 0
            same = np.zeros(len(at), dtype=bool)
            same[held] = keys[holder[held]] == keys[at[held]]
            if checks is not None:
                same[held] &= checks[holder[held]] == checks[at[held]]
            owners[pending[same]] = holder[same]
            pending = pending[~same]
            left = rows[pending]
            slots[left] = (slots[left] + 1) & (len(self._slots) - 1)
        return owners

    def _homes(self, keys: np.ndarray) -> np.ndarray:
        return ((keys * _MULTIPLIER) >> np.uint64(64 - self._bits)).view(np.int64)

    def _make_room(self, rows: int) -> None:
        most = self._count + rows
        if most >= 2**31 - 1:
            raise DataError("Expected fewer than 2^31 distinct ids; there are more.")
        if most >= len(self._keys):
            self._keys = np.concatenate([self._keys, np.zeros(_room(most), dtype=np.uint64)])
            if len(self._checks):
                self._checks = np.concatenate([self._checks, np.zeros(_room(most), np.uint64)])
        if most > _FULL * len(self._slots):
            while most > _FULL * (1 << self._bits):
                self._bits += 1
            self._slots = np.zeros(1 << self._bits, dtype=np.int32)
            for start in range(1, self._count + 1, _BLOCK):
                stop = min(start + _BLOCK, self._count + 1)
                self._put_back(np.arange(start, stop, dtype=np.int32))

    def _put_back(self, codes: np.ndarray) -> None:
        """Find slots for ids that are distinct and in no slot yet."""
        slots = self._homes(self._keys[codes])
        while len(codes):
            free = self._slots[slots] == 0
            self._slots[slots[free]] = codes[free]
            left = self._slots[slots] != codes
            codes, slots = codes[left], (slots[left] + 1) & (len(self._slots) - 1)


def _room(count: int) -> int:
    """How many more ids to make room for: half of those there are."""
    return max(count // 2, 4 * _BLOCK)
