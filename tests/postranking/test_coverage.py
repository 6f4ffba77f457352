from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError
from shortlist.postranking import Context, XQuAD
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestXQuAD(PostRankerTests):
    def make(self):
        return XQuAD(column="genres", trade_off=0.3)


sets = st.lists(st.lists(st.sampled_from("abc"), unique=True, max_size=3), min_size=2, max_size=8)


@given(sets, st.integers(1, 5), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_equal_to_the_formula(values, k, trade_off, seed):
    n = len(values)
    draw = np.random.default_rng(seed)
    scores = -np.sort(-draw.random(n)).astype(np.float32)
    rel = (scores - scores[-1]).astype(float) / float(scores[0] - scores[-1])
    history = draw.integers(0, n, 3).tolist()
    wanted = dict.fromkeys("abc", 0.0)
    for item in history:
        for value in values[item]:
            wanted[value] += 1 / len(values[item])
    total = sum(wanted.values())
    present = {v for mine in values for v in mine}
    for value in wanted:
        wanted[value] = wanted[value] / total if total else 1 / max(len(present), 1)

    def covers(item, value):
        return 0.5 / len(values[item]) if value in values[item] else 0.0

    chosen, left = [], list(range(n))
    while left and len(chosen) < k:

        def worth(i, chosen=tuple(chosen)):
            added = sum(
                wanted[v] * covers(i, v) * np.prod([1 - covers(j, v) for j in chosen])
                for v in "abc"
            )
            return round(trade_off * rel[i] + (1 - trade_off) * added, 12)

        chosen.append(max(left, key=worth))
        left.remove(chosen[-1])
    items = pl.DataFrame({"item": range(n), "x": pl.Series(values, dtype=pl.List(pl.String))})
    pool = Ranked(np.arange(n)[None], scores[None], np.ones((1, n)))
    context = Context(Queries.of(["u"], history=[history]), k=k, items=items)
    found = XQuAD(column="x", trade_off=trade_off)(pool, context).lists()[0]
    if found != chosen + left:  # only where two items are worth the same up to rounding
        place = next(p for p in range(n) if found[p] != (chosen + left)[p])
        assert worth(found[place], tuple(found[:place])) == pytest.approx(
            worth(chosen[place], tuple(found[:place])), abs=1e-9
        )
    assert bool(context.counts) == (total == 0)


def test_bad_options():
    with pytest.raises(ConfigError, match="trade_off"):
        XQuAD(column="x", trade_off=2)
    with pytest.raises(ConfigError, match="strength"):
        XQuAD(column="x", strength=0)
