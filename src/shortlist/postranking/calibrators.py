"""Calibrators: from scores to probabilities that mean what they say, fitted on held-out data.

    click = Platt().fit(scores, clicked)
    buy = Isotonic().fit(buy_scores, bought)
    value = combine({"click": click(scores), "buy": buy(buy_scores)}, {"click": 1.0, "buy": 8.0})

`Ranked.rescored` then puts a list in the order of such values.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Literal, Self, final

import numpy as np

from shortlist.errors import ConfigError, DataError, NotFittedError, nearest

__all__ = ["Calibrator", "Isotonic", "Platt", "Temperature", "combine"]


class Calibrator(abc.ABC):
    """Learns the probability of a positive label from a score."""

    @abc.abstractmethod
    def _fit(self, scores: np.ndarray, labels: np.ndarray) -> None:
        """Learn from checked float64 ``[N]`` each."""

    @abc.abstractmethod
    def _predict(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities for float64 scores of any shape."""

    _fitted = False

    def fit(self, scores: np.ndarray, labels: np.ndarray) -> Self:
        """Learn from scores ``[N]`` and labels ``[N]``, 0 or 1, that the model was not trained on.

        Raises:
            DataError: the arrays do not fit, hold NaN or other labels, or only one kind of label.
        """
        scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float64)
        if scores.ndim != 1 or scores.shape != labels.shape:
            raise DataError(
                "Expected scores and labels of one shape [N]; "
                f"received {scores.shape} and {labels.shape}."
            )
        if not np.isfinite(scores).all():
            row = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise DataError(f"Expected finite scores; row {row} has {scores[row]}.")
        kinds = np.unique(labels).tolist()
        if kinds != [0.0, 1.0]:
            raise DataError(f"Expected labels 0 and 1, both of them; received {kinds[:5]}.")
        self._fit(scores, labels)
        self._fitted = True
        return self

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities, float64, for scores of any shape.

        Raises:
            NotFittedError: `fit` was not called.
        """
        if not self._fitted:
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted. Call fit(scores, labels) first."
            )
        return self._predict(np.asarray(scores, dtype=np.float64))


@final
class Platt(Calibrator):
    """``sigmoid(slope * score + intercept)`` by maximum likelihood (Platt 1999).

    The labels are drawn a little towards each other, as in the paper, so that scores that separate
    the labels do not give infinite slopes.

    Attributes:
        slope: the factor of the score.
        intercept: what is added.

    >>> calibrator = Platt().fit(np.array([-1.0, 0.0, 0.0, 1.0]), np.array([0, 0, 1, 1]))
    >>> round(float(calibrator(np.array(0.0))), 3)
    0.5
    """

    slope = 1.0
    intercept = 0.0

    def _fit(self, scores: np.ndarray, labels: np.ndarray) -> None:
        positives, negatives = labels.sum(), (1 - labels).sum()
        targets = np.where(labels > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        center, spread = scores.mean(), scores.std() or 1.0
        features = np.stack([(scores - center) / spread, np.ones_like(scores)], axis=1)
        slope, intercept = _newton(features, targets)
        self.slope = float(slope / spread)
        self.intercept = float(intercept - slope * center / spread)

    def _predict(self, scores: np.ndarray) -> np.ndarray:
        return _sigmoid(self.slope * scores + self.intercept)


@final
class Temperature(Calibrator):
    """``sigmoid(score / temperature)`` by maximum likelihood (Guo et al. 2017).

    For scores that are logits already; the order of items never changes.

    Attributes:
        temperature: above 1 where the model was too sure.

    >>> logits, labels = np.array([4.0, 4.0, 4.0, -4.0, -4.0, -4.0]), np.array([1, 1, 0, 0, 0, 1])
    >>> calibrator = Temperature().fit(logits, labels)
    >>> round(float(calibrator(np.array(4.0))), 3)
    0.667
    """

    temperature = 1.0

    def _fit(self, scores: np.ndarray, labels: np.ndarray) -> None:
        spread = np.sqrt(np.mean(scores**2)) or 1.0
        inverse = float(_newton(scores[:, None] / spread, labels)[0] / spread)
        if not 1e-12 < inverse < 1e12:
            raise DataError(
                "Expected scores that rise with the labels but do not part them; no positive "
                "temperature fits these. Use Platt or Isotonic."
            )
        self.temperature = 1.0 / inverse

    def _predict(self, scores: np.ndarray) -> np.ndarray:
        return _sigmoid(scores / self.temperature)


@final
class Isotonic(Calibrator):
    """The step function that never falls and fits best in squares (pool adjacent violators).

    Between two scores met in fitting it is a straight line; beyond them it stays level.

    >>> calibrator = Isotonic().fit(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 0, 1]))
    >>> calibrator(np.array([0.0, 2.0, 3.0, 9.0])).tolist()
    [0.0, 0.5, 0.5, 1.0]
    """

    def _fit(self, scores: np.ndarray, labels: np.ndarray) -> None:
        points, groups = np.unique(scores, return_inverse=True)
        weights = np.bincount(groups).astype(np.float64)
        means = np.bincount(groups, weights=labels) / weights
        blocks: list[tuple[float, float, int]] = []
        for mean, weight in zip(means.tolist(), weights.tolist(), strict=True):
            value, total, size = mean, weight, 1
            while blocks and blocks[-1][0] >= value:
                other, more, length = blocks.pop()
                value = (value * total + other * more) / (total + more)
                total, size = total + more, size + length
            blocks.append((value, total, size))
        self._points = points
        self._values = np.repeat([b[0] for b in blocks], [b[2] for b in blocks])

    def _predict(self, scores: np.ndarray) -> np.ndarray:
        return np.interp(scores, self._points, self._values)


def combine(
    scores: Mapping[str, np.ndarray],
    weights: Mapping[str, float],
    *,
    how: Literal["sum", "product"] = "sum",
) -> np.ndarray:
    """One score from those of several tasks, for `Ranked.rescored`.

    Args:
        scores: an array of one shape for each task, on comparable scales, such as calibrated
            probabilities.
        weights: the weight of each task.
        how: ``"sum"``: ``sum of weight * score``; ``"product"``: ``product of score ^ weight``,
            for which scores must not be negative.

    Raises:
        ConfigError: the names do not agree, or ``how`` is neither.
        DataError: the shapes differ, or a score is negative under a product.

    >>> combine({"click": np.array([0.5, 0.1]), "buy": np.array([0.1, 0.3])},
    ...         {"click": 1.0, "buy": 10.0}).tolist()
    [1.5, 3.1]
    """
    for name in {*scores, *weights}:
        if name not in scores or name not in weights:
            raise ConfigError(
                f"Expected a score and a weight for each task; {name!r} is in scores "
                f"{sorted(scores)} or in weights {sorted(weights)} only."
                f"{nearest(name, [n for n in (*scores, *weights) if n != name])}"
            )
    if not scores or how not in ("sum", "product"):
        raise ConfigError(f"Expected tasks and how to be 'sum' or 'product'; received {how!r}.")
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
    if len({array.shape for array in arrays.values()}) > 1:
        raise DataError(f"Expected one shape; received {[a.shape for a in arrays.values()]}.")
    if how == "sum":
        return np.sum([weights[name] * array for name, array in arrays.items()], axis=0)
    for name, array in arrays.items():
        if (array < 0).any():
            raise DataError(f"Expected scores of at least 0 in a product; {name!r} has less.")
    return np.prod([array ** weights[name] for name, array in arrays.items()], axis=0)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    # Written with the tangent, which never overflows.
    return 0.5 + 0.5 * np.tanh(0.5 * values)


def _newton(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The logistic regression of ``targets`` in [0, 1] on ``features`` ``[N, F]``."""

    def loss(weights: np.ndarray) -> float:
        logits = features @ weights
        return float(np.mean(np.logaddexp(0.0, logits) - targets * logits))

    weights = np.zeros(features.shape[1])
    for _ in range(100):
        predicted = _sigmoid(features @ weights)
        gradient = features.T @ (predicted - targets) / len(targets)
        curvature = predicted * (1 - predicted) / len(targets)
        hessian = (features * curvature[:, None]).T @ features
        step = np.linalg.solve(hessian + 1e-12 * np.eye(len(weights)), gradient)
        # A whole step can overshoot where the curve is flat; halve it until it helps.
        size, here = 1.0, loss(weights)
        while size > 1e-8 and loss(weights - size * step) > here:
            size /= 2
        weights = weights - size * step
        if np.abs(gradient).max() < 1e-12:
            break
    return weights
