from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError
from shortlist.postranking import SSD, Context
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestSSD(PostRankerTests):
    def make(self):
        return SSD(gamma=0.8, window=4)


class TestSSDOverAll(PostRankerTests):
    def make(self):
        return SSD(gamma=0.8, window=None)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 9),
    st.integers(1, 7),
    st.one_of(st.none(), st.integers(2, 4)),
)
def test_equal_to_least_squares(seed, n, k, window):
    """Heights by projection with numpy.linalg.lstsq, place by place."""
    draw = np.random.default_rng(seed)
    scores = -np.sort(-draw.random(n)).astype(np.float32)
    rel = (scores - scores[-1]).astype(float) / float(scores[0] - scores[-1])
    vectors = draw.standard_normal((n, 6)).astype(np.float32)
    units = vectors / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    chosen, left, volume = [], list(range(n)), 0.8

    def height(i):
        near = chosen if window is None else chosen[len(chosen) - min(window - 1, len(chosen)) :]
        basis = units[near].T
        if not near:
            return 1.0
        found = np.sqrt(
            ((units[i] - basis @ np.linalg.lstsq(basis, units[i], rcond=None)[0]) ** 2).sum()
        )
        return found if found > 1e-4 else 0.0

    while left and len(chosen) < k:
        best = max(left, key=lambda i: rel[i] + volume * height(i))
        volume *= height(best)
        chosen.append(best)
        left.remove(best)
    pool = Ranked(np.arange(n)[None], scores[None], np.ones((1, n)))
    context = Context(Queries.of(["u"]), k=k, vectors=lambda ids: vectors[ids])
    assert SSD(gamma=0.8, window=window)(pool, context).lists()[0] == chosen + left


@pytest.mark.parametrize("wrong", [{"gamma": -1}, {"gamma": np.nan}, {"window": 1}])
def test_bad_options(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SSD(**wrong)
