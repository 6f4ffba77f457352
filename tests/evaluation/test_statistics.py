from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.evaluation import statistics
from shortlist.evaluation.statistics import bootstrap, compare, holm, sign_flip_test


def test_bootstrap_intervals_hold_the_truth_as_often_as_they_say():
    draw = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        low, high = bootstrap(draw.exponential(1.0, 150), level=0.9, samples=400, seed=trial)
        held += low <= 1.0 <= high
    assert held / 300 == pytest.approx(0.9, abs=0.05)


def test_bootstrap_has_the_width_of_the_mean():
    values = np.random.default_rng(1).normal(0, 2, 400)
    low, high = bootstrap(values)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.08)
    assert low < values.mean() < high


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
def test_sign_flips_are_those_of_all_signs(differences):
    values = np.array(differences, dtype=float)
    sums = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(values))
    ]
    exact = np.mean([s >= abs(values.sum()) for s in sums])
    found = sign_flip_test(values, samples=4000)
    assert found == pytest.approx(exact, abs=5 * np.sqrt(exact * (1 - exact) / 4000) + 1e-3)


def test_p_values_are_even_where_there_is_no_difference():
    draw = np.random.default_rng(2)
    found = [sign_flip_test(draw.normal(0, 1, 60), samples=300, seed=t) for t in range(300)]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_step_down(p_values):
    found = holm(np.array(p_values)).tolist()
    for p, corrected in zip(p_values, found, strict=True):
        # Reject at a level exactly if every smaller hypothesis is rejected at its own.
        steps = [(len(p_values) - place) * q for place, q in enumerate(sorted(p_values)) if q <= p]
        assert corrected == pytest.approx(min(1.0, max(steps)))
        assert corrected >= p


def test_verdicts():
    draw = np.random.default_rng(3)
    base = draw.random(500)
    values = {
        "a": base,
        "b": base + draw.normal(0.1, 0.3, 500),
        "c": base + draw.normal(0, 0.3, 500),
    }
    values["a"][3] = np.nan
    found = {(c.model, c.other): c for c in compare(values, "ndcg@10")}
    assert found["b", "a"].verdict == "better"
    assert found["c", "b"].verdict == "worse"
    assert found["c", "a"].verdict == "tie"
    better = found["b", "a"]
    assert better.low < better.difference < better.high
    assert str(better).startswith("b is better than a on ndcg@10: +0.")
    assert compare(values, "ndcg@10") == list(found.values())


def test_blocks_change_nothing_but_memory(monkeypatch):
    values = np.random.default_rng(4).normal(0.2, 1, 50)
    monkeypatch.setattr(statistics, "_DRAWN_AT_ONCE", 500)
    low, high = bootstrap(values, samples=1000)
    assert low < values.mean() < high
    assert 0 < sign_flip_test(values, samples=1000) < 1


def test_bad_input():
    with pytest.raises(DataError, match="at least one value"):
        bootstrap(np.array([np.nan]))
    with pytest.raises(DataError, match="at least one value"):
        sign_flip_test(np.array([]))
    with pytest.raises(ConfigError, match="level"):
        bootstrap(np.ones(3), level=95)
    assert sign_flip_test(np.zeros(4)) == 1.0
