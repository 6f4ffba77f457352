from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.baselines import Popularity
from shortlist.bundle import read_folder, write_folder
from shortlist.data import Interactions
from shortlist.errors import ConfigError, DataError, NotFittedError
from shortlist.queries import Queries


def log(items, times=None):
    table = {"user": list(range(len(items))), "item": items}
    if times is None:
        return Interactions(table, time=None)
    return Interactions({**table, "time": times})


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=40),
    st.lists(st.lists(st.integers(0, 12), max_size=9), min_size=1, max_size=5),
    st.integers(1, 12),
)
def test_the_order_is_by_count_and_then_by_appearance(items, exclude, k):
    found = Popularity().fit(log(items))(Queries.of(range(len(exclude)), exclude=exclude), k)
    order = sorted(dict.fromkeys(items), key=lambda item: -items.count(item))
    assert found.ids.shape == (len(exclude), k)
    for row, gone in zip(found, exclude, strict=True):
        expected = [item for item in order if item not in gone][:k]
        assert row == [(item, float(items.count(item))) for item in expected]


def test_a_window_counts_what_is_recent():
    data = log(list("aaabbc"), [1, 2, 3, 90, 91, 100])
    popular = Popularity(window=10).fit(data)
    assert popular(Queries.of(["x"]), 3).lists() == [["b", "c", "a"]]
    assert popular.counts.tolist() == [2, 1, 0]
    with pytest.raises(DataError, match="without"):
        Popularity(window=10).fit(log(["a"]))
    with pytest.raises(ConfigError, match="window"):
        Popularity(window=0)


@pytest.mark.parametrize("items", [[3, 3, 1], ["b", "b", "a"]])
def test_written_and_read(tmp_path, items):
    popular = Popularity().fit(log(items))
    write_folder(tmp_path / "p", popular.write, kind="popularity")
    again = Popularity.read(read_folder(tmp_path / "p", kind="popularity"))
    queries = Queries.of(["x", "y"], exclude=[[items[0]], []])
    assert list(again(queries, 3)) == list(popular(queries, 3))


def test_no_queries():
    assert Popularity().fit(log(["a"]))(Queries.of([]), 2).ids.shape == (0, 2)


def test_bad_input():
    with pytest.raises(NotFittedError, match="fit"):
        Popularity()(Queries.of(["x"]), 2)
    with pytest.raises(NotFittedError, match="fit"):
        Popularity().write(None)
    with pytest.raises(ConfigError, match="positive integer"):
        Popularity().fit(log(["a"]))(Queries.of(["x"]), 0)
    assert np.isneginf(Popularity().fit(log(["a"]))(Queries.of(["x"]), 2).scores[0, 1])


def test_over_another_catalogue_counts_stay_and_the_rest_comes_last():
    train = Interactions({"user": [1, 2, 3, 1], "item": ["a", "a", "b", "c"]}, time=None)
    found = Popularity().fit(train).over(["d", "c", "a", "e"])
    assert found.items.tolist() == ["a", "c", "d", "e"]
    assert found.counts.tolist() == [2, 1, 0, 0]
    assert found(Queries.of([1], exclude=[["c"]]), k=4).lists() == [["a", "d", "e"]]
    with pytest.raises(NotFittedError):
        Popularity().over(["a"])
