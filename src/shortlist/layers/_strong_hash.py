"""The buckets of `keras.layers.Hashing` with a salt, on every backend.

That layer writes an id as text and hashes it with SipHash-2-4 under the salt as the key (Aumasson
and Bernstein 2012, "SipHash: a fast short-input PRF"); only TensorFlow can run it. Here the same is
computed on integers: a word of 64 bits is a pair of int32 tensors, the low and the high half, for
JAX has no wider integers unless it is told to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from shortlist._backend.ragged import native
from shortlist.errors import DataError

__all__ = ["strong_hash"]

Word = tuple[Any, Any]

_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def strong_hash(ids: Any, num_bins: int, salts: Sequence[Sequence[int]]) -> list[Any]:
    """For each salt the bucket of each id, from 0 to ``num_bins - 1``, in the shape of ``ids``.

    Args:
        ids: integers of at least 0; on TensorFlow also strings, ragged or sparse.
        num_bins: the number of buckets, at most 2^30.
        salts: pairs of integers, each the key of a hash.

    Raises:
        DataError: ``ids`` are neither.

    >>> import numpy as np
    >>> buckets = strong_hash(np.array([7], "int32"), 1000, [[1, 2], [3, 4]])
    >>> [ops.convert_to_numpy(x).item() for x in buckets]
    [736, 809]
    """
    if keras.backend.backend() == "tensorflow":
        layers = [keras.layers.Hashing(num_bins, salt=list(salt)) for salt in salts]
        return [native.map_values(layer, ids) for layer in layers]
    dtype = keras.backend.standardize_dtype(ids.dtype)
    if "int" not in dtype:
        raise DataError(
            f"Hashing expected integers; received {dtype}. Strings can be hashed in a model on "
            "TensorFlow only; elsewhere encode them first with shortlist.features."
        )
    wide = dtype in {"int64", "uint64", "uint32"}
    ids = ops.cast(ops.convert_to_tensor(ids), "int64" if wide else "int32")
    text, length = _as_text(ids, 19 if wide else 10)
    buckets = _remainder(_siphash(text, length, salts), num_bins)
    return [buckets[place] for place in range(len(salts))]


def _as_text(ids: Any, digits: int) -> tuple[list[Any], Any]:
    """The bytes of each id in decimal, first digit first, and how many there are."""
    values = []
    for _ in range(digits):
        values.append(ops.cast(ids % 10, "int32") + 48)
        # The operator, for keras.ops.floor_divide computes in int32 on PyTorch.
        ids = ids // 10
    length = ops.ones_like(values[0])
    for place, value in enumerate(values[1:], start=2):
        length = ops.where(ops.equal(value, 48), length, place)
    # values[j] is the digit of 10^j: the byte at p is values[length - 1 - p].
    stacked = ops.stack(values, axis=-1)
    at = length[..., None] - 1 - ops.arange(digits, dtype="int32")
    text = ops.take_along_axis(stacked, ops.maximum(at, 0), axis=-1)
    text = ops.where(at >= 0, text, 0)
    return [text[..., place] for place in range(digits)], length


def _siphash(text: list[Any], length: Any, salts: Sequence[Sequence[int]]) -> Word:
    """The hashes ``[S, ...]`` of texts ``[...]`` under ``S`` keys, all at once."""
    nothing = ops.zeros((len(salts), *ops.shape(length)), dtype="int32")
    keys = [_key([salt[half] for salt in salts], nothing) for half in (0, 1)] * 2
    state = [_xor(_constant(start, nothing), key) for start, key in zip(_START, keys, strict=True)]
    for word in range(len(text) // 8 + 1):
        block = _block(text, 8 * word, ops.zeros_like(length))
        # The last block ends with the number of bytes.
        last = (block[0], ops.bitwise_or(block[1], ops.left_shift(length, 24)))
        block = _choose(ops.equal(length // 8, word), last, block)
        after = _absorb(state, block)
        state = [
            _choose(length // 8 >= word, new, old) for new, old in zip(after, state, strict=True)
        ]
    state[2] = _xor(state[2], _constant(0xFF, nothing))
    state = _rounds(state, 4)
    return _xor(_xor(state[0], state[1]), _xor(state[2], state[3]))


def _block(text: list[Any], start: int, zero: Any) -> Word:
    halves = []
    for first in (start, start + 4):
        half = zero
        for place, byte in enumerate(text[first : first + 4]):
            half = ops.bitwise_or(half, ops.left_shift(byte, 8 * place))
        halves.append(half)
    return halves[0], halves[1]


def _absorb(state: list[Word], block: Word) -> list[Word]:
    state = [*state[:3], _xor(state[3], block)]
    state = _rounds(state, 2)
    return [_xor(state[0], block), *state[1:]]


def _rounds(state: list[Word], count: int) -> list[Word]:
    """Mix, in a loop of the backend: unrolled, XLA takes a minute to compile it."""
    return list(ops.fori_loop(0, count, _round, tuple(state)))


def _round(_: Any, state: tuple[Word, ...]) -> tuple[Word, ...]:
    a, b, c, d = state
    a, c = _add(a, b), _add(c, d)
    b, d = _xor(_rotate(b, 13), a), _xor(_rotate(d, 16), c)
    a = (a[1], a[0])
    c, a = _add(c, b), _add(a, d)
    b, d = _xor(_rotate(b, 17), c), _xor(_rotate(d, 21), a)
    return a, b, (c[1], c[0]), d


def _halves(value: int) -> list[int]:
    """The low and the high half of a word, as signed numbers."""
    halves = (value & 0xFFFFFFFF, (value >> 32) & 0xFFFFFFFF)
    return [half - 2**32 if half >= 2**31 else half for half in halves]


def _constant(value: int, like: Any) -> Word:
    low, high = _halves(value)
    return ops.full_like(like, low), ops.full_like(like, high)


def _key(values: list[int], like: Any) -> Word:
    """A word for each salt, in the shape ``[S, ...]``."""
    shape = (len(values), *[1] * (len(like.shape) - 1))
    low, high = zip(*map(_halves, values), strict=True)
    return tuple(
        like + ops.reshape(ops.convert_to_tensor(half, dtype="int32"), shape)
        for half in (low, high)
    )


def _choose(condition: Any, yes: Word, no: Word) -> Word:
    return ops.where(condition, yes[0], no[0]), ops.where(condition, yes[1], no[1])


def _xor(a: Word, b: Word) -> Word:
    return ops.bitwise_xor(a[0], b[0]), ops.bitwise_xor(a[1], b[1])


def _add(a: Word, b: Word) -> Word:
    low = a[0] + b[0]
    # Both as unsigned: flipping the sign bit keeps their order.
    sign = ops.full_like(low, -(2**31))
    carry = ops.bitwise_xor(low, sign) < ops.bitwise_xor(a[0], sign)
    return low, a[1] + b[1] + ops.cast(carry, "int32")


def _rotate(word: Word, by: int) -> Word:
    low, high = word
    return (
        ops.bitwise_or(ops.left_shift(low, by), _unsigned_shift(high, 32 - by)),
        ops.bitwise_or(ops.left_shift(high, by), _unsigned_shift(low, 32 - by)),
    )


def _unsigned_shift(half: Any, by: int) -> Any:
    return ops.bitwise_and(ops.right_shift(half, by), 2 ** (32 - by) - 1)


def _remainder(word: Word, divisor: int) -> Any:
    """A word modulo a number of at most 2^30, as many bits at a time as int32 has room for."""
    room = 31 - max((divisor - 1).bit_length(), 1)
    rest = ops.zeros_like(word[0])
    for half in (word[1], word[0]):
        left = 32
        while left:
            bits = min(room, left)
            left -= bits
            more = ops.bitwise_and(ops.right_shift(half, left), 2**bits - 1)
            rest = (rest * 2**bits + more) % divisor
    return rest
