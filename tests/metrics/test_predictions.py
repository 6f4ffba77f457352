"""Metrics of predictions, against their definitions written pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.metrics import (
    auc,
    calibration_error,
    gauc,
    log_loss,
    mae,
    normalized_entropy,
    rmse,
)


@st.composite
def cases(draw):
    """Labels, scores with many ties, whole weights and users."""
    size = draw(st.integers(1, 15))

    def column(values):
        return np.array(draw(st.lists(values, min_size=size, max_size=size)))

    scores = column(st.integers(0, 5)) / 5
    return column(st.integers(0, 1)), scores, column(st.integers(0, 2)), column(st.integers(0, 3))


def naive_auc(labels, scores, weight):
    above = pairs = 0.0
    for y, s, w in zip(labels, scores, weight, strict=True):
        for other_y, other_s, other_w in zip(labels, scores, weight, strict=True):
            if y == 1 and other_y == 0:
                pairs += w * other_w
                above += w * other_w * (1.0 if s > other_s else 0.5 if s == other_s else 0.0)
    return above / pairs if pairs else float("nan")


@given(cases())
def test_auc_counts_pairs(case):
    labels, scores, weight, _ = case
    expected = naive_auc(labels, scores, weight)
    assert auc(labels, scores, weight) == pytest.approx(expected, nan_ok=True)
    ones = np.ones(len(labels))
    assert auc(labels, scores) == pytest.approx(naive_auc(labels, scores, ones), nan_ok=True)
    # Only the order counts; turning it around turns the area around.
    assert auc(labels, np.exp(scores)) == pytest.approx(auc(labels, scores), nan_ok=True)
    assert auc(labels, -scores) == pytest.approx(1 - auc(labels, scores), nan_ok=True)


@given(cases())
def test_gauc_is_the_auc_of_each_user_by_weight(case):
    labels, scores, weight, users = case
    total = size = 0.0
    for user in np.unique(users):
        own = users == user
        area = naive_auc(labels[own], scores[own], weight[own])
        if not np.isnan(area):
            total, size = total + area * weight[own].sum(), size + weight[own].sum()
    expected = total / size if size else float("nan")
    assert gauc(labels, scores, users, weight) == pytest.approx(expected, nan_ok=True)
    names = np.array(["a", "b", "c", "d"])[users]
    assert gauc(labels, scores, names, weight) == pytest.approx(expected, nan_ok=True)
    one = gauc(labels, scores, np.zeros(len(labels)), weight)
    assert one == pytest.approx(auc(labels, scores, weight), nan_ok=True)


@given(cases())
def test_weights_are_repetitions(case):
    labels, scores, weight, users = case
    repeated = [np.repeat(x, weight) for x in (labels, scores, users)]
    if not weight.sum():
        return
    for metric in (auc, log_loss, normalized_entropy, calibration_error, rmse, mae):
        assert metric(labels, scores, weight) == pytest.approx(metric(*repeated[:2]), nan_ok=True)
    assert gauc(labels, scores, users, weight) == pytest.approx(gauc(*repeated), nan_ok=True)


@given(cases())
def test_errors_and_entropies_are_their_formulas(case):
    labels, scores, _, _ = case
    p = 0.1 + 0.8 * scores
    terms = [-np.log(q if y else 1 - q) for y, q in zip(labels, p, strict=True)]
    assert log_loss(labels, p) == pytest.approx(np.mean(terms))
    assert rmse(labels, p) == pytest.approx(np.mean((labels - p) ** 2) ** 0.5)
    assert mae(labels, p) == pytest.approx(np.mean(np.abs(labels - p)))
    rate = labels.mean()
    if 0 < rate < 1:
        entropy = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
        assert normalized_entropy(labels, p) == pytest.approx(np.mean(terms) / entropy)
    expected = 0.0
    for b in range(4):
        held = (p >= b / 4) & (p < (b + 1) / 4)
        if held.any():
            expected += held.mean() * abs(labels[held].mean() - p[held].mean())
    assert calibration_error(labels, p, bins=4) == pytest.approx(expected)


def test_closed_forms():
    assert auc([0, 1], [0.0, 1.0]) == 1.0
    assert auc([0, 1], [1.0, 1.0]) == 0.5
    labels = np.array([1, 0, 0, 0])
    assert normalized_entropy(labels, np.full(4, 0.25)) == pytest.approx(1.0)
    assert calibration_error(labels, np.full(4, 0.25)) == pytest.approx(0.0)
    assert calibration_error(np.ones(3), np.ones(3)) == 0.0
    assert log_loss([1], [0.0]) == pytest.approx(36.04, abs=0.01)
    many = np.arange(100_000)
    assert auc(many % 2, many) == pytest.approx(0.5, abs=1e-4)


def test_nothing_to_measure_is_nan():
    nothing = np.empty(0)
    for metric in (auc, log_loss, normalized_entropy, calibration_error, rmse, mae):
        assert np.isnan(metric(nothing, nothing))
        assert np.isnan(metric(np.ones(2), np.ones(2), np.zeros(2)))
    assert np.isnan(auc([1, 1], [0.1, 0.2]))
    assert np.isnan(gauc([1, 0], [0.1, 0.2], [1, 2]))
    assert np.isnan(normalized_entropy([1, 1], [0.1, 0.2]))


def test_wrong_arguments_are_refused():
    for metric in (auc, log_loss, normalized_entropy, calibration_error, rmse, mae):
        with pytest.raises(DataError, match=r"\(2,\), \(3,\)"):
            metric(np.ones(2), np.ones(3))
        with pytest.raises(DataError, match="prediction of row 1 is nan"):
            metric([1.0, 0.0], [0.5, np.nan])
        with pytest.raises(DataError, match="weight of row 0 is -1"):
            metric([1.0, 0.0], [0.5, 0.5], [-1, 1])
    with pytest.raises(DataError, match="labels 0 and 1; received 2"):
        auc([0, 2], [0.1, 0.2])
    with pytest.raises(DataError, match="before the sigmoid"):
        log_loss([0, 1], [0.1, 1.2])
    with pytest.raises(DataError, match="a user for each"):
        gauc([0, 1], [0.1, 0.2], [1])
    with pytest.raises(ConfigError, match="1 bin or more"):
        calibration_error([0, 1], [0.1, 0.2], bins=0)
