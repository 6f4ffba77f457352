"""The hash is FNV-1a with the mixing of MurmurHash3, whichever way it is computed."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.features import hashing
from shortlist.features.hashing import hash_bytes, hash_codes


def unmix(value):
    """Undo the mixing: multiply by the inverses, in the other order."""
    for factor in (0xC4CEB9FE1A85EC53, 0xFF51AFD7ED558CCD):
        value ^= value >> 33
        value = value * pow(factor, -1, 2**64) % 2**64
    return value ^ (value >> 33)


@pytest.mark.parametrize(
    ("value", "fnv1a"),
    [  # from the FNV authors' test vectors
        (b"", 0xCBF29CE484222325),
        (b"a", 0xAF63DC4C8601EC8C),
        (b"foobar", 0x85944171F73967E8),
    ],
)
def test_published_values(value, fnv1a):
    assert unmix(hash_bytes(value)) == fnv1a


@settings(deadline=None)
@given(st.lists(st.none() | st.binary(max_size=12), min_size=1), st.integers(1, 2**31 - 1))
def test_all_at_once_agrees_with_one_by_one(values, buckets):
    expected = [0 if value is None else 1 + hash_bytes(value) % buckets for value in values]
    column = pl.Series(values, dtype=pl.Binary)
    assert hash_codes(column, buckets).tolist() == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "FEW", 0)
        patch.setattr(hashing, "_BLOCK", 7)
        assert hash_codes(column, buckets).tolist() == expected


def test_what_equals_as_text_has_one_code():
    assert hash_codes(pl.Series([7, -1]), 10**6).tolist() == [
        *hash_codes(pl.Series(["7", "-1"]), 10**6)
    ]
    assert hash_codes(pl.Series([b"7"]), 10**6)[0] == hash_codes(pl.Series(["7"]), 10**6)[0]
    assert hash_codes(pl.Series([True]), 10**6)[0] == hash_codes(pl.Series(["true"]), 10**6)[0]


def test_another_process_gives_the_same_codes():
    code = (
        "import polars as pl; from shortlist.features.hashing import hash_codes; "
        "print(hash_codes(pl.Series(['a', 'b']), 1000).tolist())"
    )
    options = {"PYTHONHASHSEED": "7"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=options, stdout=subprocess.PIPE, text=True, check=True
    )
    assert found.stdout == "[316, 705]\n"


def test_buckets_fill_evenly():
    counts = np.bincount(hash_codes(pl.Series([f"user{i}" for i in range(64_000)]), 64))[1:]
    # A Poisson count of mean 1,000 strays by more than 160 about once in two million.
    assert abs(counts - 1000).max() < 160
