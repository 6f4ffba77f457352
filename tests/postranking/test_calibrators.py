from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError, NotFittedError
from shortlist.postranking.calibrators import Isotonic, Platt, Temperature, combine


def drawn(seed=0, n=20_000, slope=0.6, intercept=-1.0):
    draw = np.random.default_rng(seed)
    scores = draw.normal(0, 3, n)
    labels = draw.random(n) < 1 / (1 + np.exp(-slope * scores - intercept))
    return scores, labels


def test_platt_finds_the_curve_the_labels_came_from():
    calibrator = Platt().fit(*drawn())
    assert calibrator.slope == pytest.approx(0.6, abs=0.03)
    assert calibrator.intercept == pytest.approx(-1.0, abs=0.05)


def test_temperature_finds_the_curve_the_labels_came_from():
    assert Temperature().fit(*drawn(intercept=0.0)).temperature == pytest.approx(1 / 0.6, abs=0.06)


@pytest.mark.parametrize("calibrator", [Platt(), Isotonic()])
def test_what_is_said_to_happen_happens_as_often(calibrator):
    scores, labels = drawn(1)
    said = calibrator.fit(scores, labels)(scores)
    assert said.mean() == pytest.approx(labels.mean(), abs=1e-3)
    for low in np.arange(0, 1, 0.1):
        inside = (said >= low) & (said < low + 0.1)
        if inside.sum() > 500:
            assert labels[inside].mean() == pytest.approx(said[inside].mean(), abs=0.03)


@pytest.mark.parametrize("calibrator", [Platt(), Temperature()])
def test_the_fit_cannot_be_improved_by_a_small_change(calibrator):
    """For Platt against its own, drawn-in targets."""
    scores, labels = drawn(2, n=500)
    calibrator.fit(scores, labels)
    positives, negatives = labels.sum(), (~labels).sum()
    targets = labels.astype(float)
    names = ["temperature"]
    if isinstance(calibrator, Platt):
        targets = np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        names = ["slope", "intercept"]

    def loss():
        p = calibrator(scores)
        return -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean()

    best = loss()
    for name in names:
        here = getattr(calibrator, name)
        for change in (-1e-3, 1e-3):
            setattr(calibrator, name, here + change)
            assert loss() >= best
        setattr(calibrator, name, here)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=12))
def test_isotonic_is_the_best_rising_step(pairs):
    """The min-max formula of isotonic regression, over all pairs of ends."""
    scores = np.array([float(s) for s, _ in pairs])
    labels = np.array([float(y) for _, y in pairs])
    if len(set(labels)) < 2:
        return
    points = np.unique(scores)
    expected = [
        max(
            min(labels[(scores >= a) & (scores <= b)].mean() for b in points[points >= x])
            for a in points[points <= x]
        )
        for x in points
    ]
    found = Isotonic().fit(scores, labels)(points)
    assert found == pytest.approx(expected)
    assert (np.diff(found) >= -1e-12).all()


def test_separated_labels_stay_finite():
    calibrator = Platt().fit(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1]))
    assert np.isfinite(calibrator.slope)
    with pytest.raises(DataError, match="temperature"):
        Temperature().fit(np.array([1.0, 2.0, -1.0]), np.array([0, 0, 1]))


def test_shapes_are_kept_and_extremes_do_not_overflow():
    calibrator = Platt().fit(*drawn(n=100))
    assert calibrator(np.zeros((2, 3))).shape == (2, 3)
    assert calibrator(np.array([-1e9, 1e9])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([1.0, 2.0], [0], "one shape"),
        ([1.0, np.nan], [0, 1], "row 1"),
        ([1.0, 2.0], [1, 1], "both"),
        ([1.0, 2.0], [0, 2], "labels 0 and 1"),
    ],
)
def test_bad_data(scores, labels, message):
    for calibrator in (Platt(), Temperature(), Isotonic()):
        with pytest.raises(DataError, match=message):
            calibrator.fit(np.array(scores), np.array(labels))
        with pytest.raises(NotFittedError, match="fit"):
            calibrator(np.zeros(1))


def test_combine():
    scores = {"a": np.array([0.5, 0.2]), "b": np.array([0.1, 0.9])}
    assert combine(scores, {"a": 2, "b": 1}, how="product").tolist() == pytest.approx(
        [0.025, 0.036]
    )
    with pytest.raises(ConfigError, match="Did you mean"):
        combine(scores, {"a": 1, "bb": 2, "b": 1})
    with pytest.raises(ConfigError, match="product"):
        combine(scores, {"a": 1, "b": 2}, how="mean")
    with pytest.raises(DataError, match="one shape"):
        combine({"a": np.zeros(2), "b": np.zeros(3)}, {"a": 1, "b": 1})
    with pytest.raises(DataError, match="at least 0"):
        combine({"a": np.array([-1.0])}, {"a": 1}, how="product")
