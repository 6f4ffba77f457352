"""The buckets of `keras.layers.Hashing` with a salt, on every backend.

That layer writes an id as text and hashes it with SipHash-2-4 under the salt as the key (Aumasson
and Bernstein 2012, "SipHash: a fast short-input PRF"); only TensorFlow can run it. Here the same is
computed on integers: a word of 64 bits is a pair of int32 tensors, the low and the high half, for
JAX has no wider integers unless it is told to.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.errors import DataError

__all__ = ["strong_hash"]

Word = tuple[Any, Any]

_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def strong_hash(ids: Any, num_bins: int, salt: list[int]) -> Any:
    """The bucket of each id, from 0 to ``num_bins - 1``, in the shape of ``ids``.

    Args:
        ids: integers of at least 0, or strings on TensorFlow.
        num_bins: the number of buckets, at most 2^30.
        salt: two integers, the key of the hash.

    Raises:
        DataError: ``ids`` are neither.

    >>> import numpy as np
    >>> ops.convert_to_numpy(strong_hash(np.array([7], "int32"), 1000, [1, 2])).tolist()
    [736]
    """
    if keras.backend.backend() == "tensorflow":
        return keras.layers.Hashing(num_bins, salt=salt)(ids)
    dtype = keras.backend.standardize_dtype(ids.dtype)
    if "int" not in dtype:
        raise DataError(
            f"Hashing expected integers; received {dtype}. Strings can be hashed in a model on "
            "TensorFlow only; elsewhere encode them first with shortlist.features."
        )
    wide = dtype in {"int64", "uint64", "uint32"}
    digits = 19 if wide else 10
    ids = ops.cast(ops.convert_to_tensor(ids), "int64" if wide else "int32")
    return _remainder(_siphash(*_as_text(ids, digits), digits, salt), num_bins)


def _as_text(ids: Any, digits: int) -> tuple[list[Any], Any]:
    """The bytes of each id in decimal, first digit first, and how many there are."""
    values = []
    for _ in range(digits):
        values.append(ops.cast(ids % 10, "int32") + 48)
        # The operator, for keras.ops.floor_divide computes in int32 on PyTorch.
        ids = ids // 10
    length = ops.ones_like(values[0])
    for place in range(1, digits):
        rest = values[place:]
        some = sum(ops.cast(ops.not_equal(x, 48), "int32") for x in rest)
        length = ops.where(some > 0, place + 1, length)
    # values[j] is the digit of 10^j: the byte at p is values[length - 1 - p].
    stacked = ops.stack(values, axis=-1)
    at = length[..., None] - 1 - ops.arange(digits, dtype="int32")
    text = ops.take_along_axis(stacked, ops.maximum(at, 0), axis=-1)
    text = ops.where(at >= 0, text, 0)
    return [text[..., place] for place in range(digits)], length


def _siphash(text: list[Any], length: Any, digits: int, salt: list[int]) -> Word:
    zero = ops.zeros_like(length)
    keys = [_constant(key, zero) for key in salt] * 2
    state = [_xor(_constant(start, zero), key) for start, key in zip(_START, keys, strict=True)]
    for word in range(digits // 8 + 1):
        block = _block(text, 8 * word, zero)
        # The last block ends with the number of bytes.
        last = (block[0], ops.bitwise_or(block[1], ops.left_shift(length, 24)))
        is_last = ops.equal(length // 8, word)
        block = _choose(is_last, last, block)
        after = _absorb(state, block)
        state = [
            _choose(length // 8 >= word, new, old) for new, old in zip(after, state, strict=True)
        ]
    state[2] = _xor(state[2], _constant(0xFF, zero))
    for _ in range(4):
        state = _round(state)
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
    state = _round(_round(state))
    return [_xor(state[0], block), *state[1:]]


def _round(state: list[Word]) -> list[Word]:
    a, b, c, d = state
    a, c = _add(a, b), _add(c, d)
    b, d = _xor(_rotate(b, 13), a), _xor(_rotate(d, 16), c)
    a = (a[1], a[0])
    c, a = _add(c, b), _add(a, d)
    b, d = _xor(_rotate(b, 17), c), _xor(_rotate(d, 21), a)
    return [a, b, (c[1], c[0]), d]


def _constant(value: int, like: Any) -> Word:
    halves = (value & 0xFFFFFFFF, (value >> 32) & 0xFFFFFFFF)
    low, high = (half - 2**32 if half >= 2**31 else half for half in halves)
    return ops.full_like(like, low), ops.full_like(like, high)


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
    """A word modulo a number of at most 2^30, one bit after the other."""
    rest = ops.zeros_like(word[0])
    for half in (word[1], word[0]):
        for bit in range(31, -1, -1):
            rest = 2 * rest + ops.bitwise_and(ops.right_shift(half, bit), 1)
            rest = ops.where(rest >= divisor, rest - divisor, rest)
    return rest
