import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from shortlist.errors import DataError
from shortlist.layers._strong_hash import strong_hash

pytestmark = pytest.mark.backend

MASK = 2**64 - 1


def rotated(x, by):
    return ((x << by) | (x >> (64 - by))) & MASK


def mixed(v0, v1, v2, v3):
    v0, v2 = (v0 + v1) & MASK, (v2 + v3) & MASK
    v1, v3 = rotated(v1, 13) ^ v0, rotated(v3, 16) ^ v2
    v0 = rotated(v0, 32)
    v2, v0 = (v2 + v1) & MASK, (v0 + v3) & MASK
    v1, v3 = rotated(v1, 17) ^ v2, rotated(v3, 21) ^ v0
    return v0, v1, rotated(v2, 32), v3


def siphash(text, key):
    a, b = key
    v = (
        0x736F6D6570736575 ^ a,
        0x646F72616E646F6D ^ b,
        0x6C7967656E657261 ^ a,
        0x7465646279746573 ^ b,
    )
    blocks = [text[i : i + 8] for i in range(0, len(text) // 8 * 8, 8)]
    tail = text[len(blocks) * 8 :].ljust(7, b"\0") + bytes([len(text) % 256])
    for block in [*blocks, tail]:
        word = int.from_bytes(block, "little")
        v = mixed(*mixed(*v[:3], v[3] ^ word))
        v = (v[0] ^ word, *v[1:])
    v = (v[0], v[1], v[2] ^ 0xFF, v[3])
    for _ in range(4):
        v = mixed(*v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_the_reference_is_right():
    # The first vector of the paper: the key 00 01 ... 0f and the bytes 00 01 ... 0e.
    key = [int.from_bytes(bytes(range(i, i + 8)), "little") for i in (0, 8)]
    assert siphash(bytes(range(15)), key) == 0xA129CA6149BE45E5


@settings(max_examples=15)
@given(
    ids=st.lists(st.integers(0, 2**31 - 1), min_size=5, max_size=5),
    bins=st.integers(1, 2**30),
    salts=st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), min_size=2, max_size=2),
)
def test_equals_siphash_of_the_digits(ids, bins, salts):
    found = strong_hash(np.array(ids, "int32"), bins, salts)
    for buckets, salt in zip(found, salts, strict=True):
        expected = [siphash(str(i).encode(), salt) % bins for i in ids]
        assert ops.convert_to_numpy(buckets).tolist() == expected


def test_buckets_have_the_shape_of_the_ids():
    ids = np.arange(6, dtype="int32").reshape(3, 2)
    salts = [[1, 2], [3, 4]]
    for buckets, salt in zip(strong_hash(ids, 2**30, salts), salts, strict=True):
        expected = [[siphash(str(i).encode(), salt) % 2**30 for i in row] for row in ids]
        assert ops.convert_to_numpy(buckets).tolist() == expected


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has no int64")
def test_ids_of_64_bits():
    ids = np.array([2**62, 1234567890123456, 7])
    found = ops.convert_to_numpy(strong_hash(ids, 1003, [[5, 6]])[0])
    assert found.tolist() == [siphash(str(i).encode(), [5, 6]) % 1003 for i in ids]


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="TensorFlow hashes anything")
def test_only_integers_outside_tensorflow():
    with pytest.raises(DataError, match="received float32"):
        strong_hash(np.ones(3, "float32"), 10, [[1, 2]])
