"""Metrics of scored lists, against a textbook's place-by-place definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.metrics import graded_ndcg, list_metrics, ranked_labels


@st.composite
def cases(draw):
    """A list of labels, some masked, scores with ties, and k."""
    size = draw(st.integers(1, 8))
    labels = draw(st.lists(st.integers(-1, 3), min_size=size, max_size=size))
    scores = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
    return labels, [float(s) for s in scores], draw(st.integers(1, 10))


def naive(labels, scores, k, gain):
    places = [i for i in range(len(labels)) if labels[i] >= 0]
    shown = [labels[i] for i in sorted(places, key=lambda i: (-scores[i], i))]

    def dcg(order):
        return sum(gain(y) / math.log2(rank + 1) for rank, y in enumerate(order[:k], 1))

    relevant = sum(y > 0 for y in shown)
    ranks = [rank for rank, y in enumerate(shown[:k], 1) if y > 0]
    precisions = [sum(y > 0 for y in shown[:rank]) / rank for rank in ranks]
    return {
        "ndcg": dcg(shown) / dcg(sorted(shown, reverse=True)),
        "recall": len(ranks) / relevant,
        "precision": len(ranks) / k,
        "hit_rate": float(bool(ranks)),
        "mrr": 1 / ranks[0] if ranks else 0.0,
        "map": sum(precisions) / min(k, relevant),
    }


@given(cases())
def test_equal_to_the_textbook(case):
    labels, scores, k = case
    for name, gain in (("exponential", lambda y: 2**y - 1), ("linear", lambda y: y)):
        found = list_metrics(np.array([labels]), np.array([scores]), ks=(k,), gain=name)
        if max(labels) <= 0:
            assert all(np.isnan(value[0]) for value in found.values())
            continue
        expected = {f"{m}@{k}": v for m, v in naive(labels, scores, k, gain).items()}
        assert {m: v[0] for m, v in found.items()} == pytest.approx(expected)


@given(cases())
def test_masked_equals_left_out(case):
    labels, scores, k = case
    kept = [i for i in range(len(labels)) if labels[i] >= 0]
    if not kept:
        return
    masked = [[s if y >= 0 else math.nan for s, y in zip(scores, labels, strict=True)]]
    whole = list_metrics(np.array([labels]), np.array(masked), ks=(k,))
    short = list_metrics(np.array([labels])[:, kept], np.array([scores])[:, kept], ks=(k,))
    for name in whole:
        np.testing.assert_array_equal(whole[name], short[name])


def test_ties_go_to_the_lower_column_and_masked_places_last():
    ranked = ranked_labels(np.array([[-1, 1, 2, 3]]), np.array([[9.0, 0.0, 0.0, 1.0]]))
    assert ranked.tolist() == [[3.0, 1.0, 2.0, -1.0]]


def test_closed_forms():
    assert graded_ndcg(np.array([[0.0, 3.0]]), k=2)[0] == pytest.approx(1 / math.log2(3))
    assert graded_ndcg(np.array([[1.0, 3.0]]), k=1, gain="linear")[0] == pytest.approx(1 / 3)
    assert graded_ndcg(np.array([[1.0, 3.0]]), k=1)[0] == pytest.approx(1 / 7)


def test_empty_batches_and_lists():
    found = list_metrics(np.empty((0, 3)), np.empty((0, 3)), ks=(1, 5))
    assert {value.shape for value in found.values()} == {(0,)}
    found = list_metrics(np.empty((2, 0)), np.empty((2, 0)))
    assert all(np.isnan(value).all() for value in found.values())


def test_wrong_arguments_are_refused():
    ones = np.ones((1, 2))
    with pytest.raises(DataError, match=r"\(1, 2\) and \(1, 3\)"):
        ranked_labels(ones, np.ones((1, 3)))
    with pytest.raises(DataError, match="place 1 of list 0"):
        ranked_labels(ones, np.array([[1.0, np.nan]]))
    with pytest.raises(DataError, match="Mask a missing label"):
        ranked_labels(np.array([[1.0, np.nan]]), ones)
    with pytest.raises(ConfigError, match="positive integer"):
        graded_ndcg(ones, k=0)
    with pytest.raises(ConfigError, match="Did you mean 'linear'"):
        list_metrics(ones, ones, gain="linaer")
