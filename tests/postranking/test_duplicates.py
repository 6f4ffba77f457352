from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError
from shortlist.postranking import Context, NearDuplicate
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestNearDuplicateByTitle(PostRankerTests):
    def make(self):
        return NearDuplicate(column="title")

    def test_the_first_of_each_title_stays(self):
        for row, items in enumerate(self.make()(self.pool(), self.context()).lists()):
            expected, titles = [], set()
            for item in self.pool().lists()[row]:
                title = item // 2 if item < 50 else item
                if item >= 50 or title not in titles:
                    expected.append(item)
                titles.add(title)
            assert items == expected


class TestNearDuplicateByVector(PostRankerTests):
    def make(self):
        return NearDuplicate(threshold=0.5)


def pool_of(n):
    return Ranked(np.arange(n)[None], -np.arange(n, dtype=float)[None], np.ones((1, n)))


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(0.1, 1))
def test_the_walk_down_the_list(seed, n, threshold):
    vectors = np.random.default_rng(seed).standard_normal((n, 2)).astype(np.float32)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    kept = []
    for item in range(n):
        if all(units[item] @ units[other] < threshold - 1e-6 for other in kept):
            kept.append(item)
    context = Context(Queries.of(["u"]), k=3, vectors=lambda ids: vectors[ids])
    assert NearDuplicate(threshold=threshold)(pool_of(n), context).lists() == [kept]


def test_twins_are_found_at_a_threshold_of_one():
    vectors = np.array([[0.1, 0.7], [0.3, 2.1], [0.7, 0.1]])
    context = Context(Queries.of(["u"]), k=3, vectors=lambda ids: vectors[ids])
    assert NearDuplicate(threshold=1.0)(pool_of(3), context).lists() == [[0, 2]]


def test_case_accents_and_punctuation_do_not_matter():
    titles = ["The Matrix", "the  MATRIX!", None, "Léon", "leon", "", "...", "Matrix, The"]
    items = pl.DataFrame({"item": range(8), "title": titles})
    context = Context(Queries.of(["u"]), k=3, items=items)
    assert NearDuplicate(column="title")(pool_of(8), context).lists() == [[0, 2, 3, 5, 6, 7]]


def test_bad_options():
    for wrong in (0, 1.5, np.nan):
        with pytest.raises(ConfigError, match="threshold"):
            NearDuplicate(threshold=wrong)
