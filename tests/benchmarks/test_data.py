from __future__ import annotations

import numpy as np
from benchmarks import data


def test_spread_codes_repeat_alike_whatever_the_table():
    codes = data.zipf_codes(1000, 100, seed=1)
    spread = data.spread(codes, 100, 5000)
    assert spread.max() < 5000
    _, place, times = np.unique(codes, return_inverse=True, return_counts=True)
    _, place_spread, times_spread = np.unique(spread, return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(times[place], times_spread[place_spread])


def test_zipf_codes_are_rows_of_the_table_and_repeat():
    codes = data.zipf_codes(4096, 1_000_000, seed=1)
    assert codes.min() >= 0
    assert codes.max() < 1_000_000
    assert 100 < len(np.unique(codes)) < 4096


def test_events_are_arrays_of_their_own(tmp_path):
    folder = data.events(tmp_path / "events", np.array([3, 1]), np.array([0, 2]))
    assert np.load(f"{folder}/users.npy").tolist() == [3, 1]
    assert np.load(f"{folder}/items.npy").dtype == np.int32
