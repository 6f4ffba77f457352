"""Metrics of predicted probabilities and ratings, in NumPy and float64.

    auc(clicks, scores)                    # a number
    gauc(clicks, scores, users)            # the AUC within each user, averaged
    rmse(ratings, predictions)

All take labels and predictions ``[N]``, and weights ``[N]`` that are 1 by default. Examples of
weight 0 do not count. Where there is nothing to measure (no example; for `auc` no example of one of
the two classes) the value is NaN.
"""

from __future__ import annotations

import numpy as np

from shortlist.errors import ConfigError, DataError

__all__ = [
    "auc",
    "calibration_error",
    "gauc",
    "log_loss",
    "mae",
    "normalized_entropy",
    "rmse",
]

Weights = np.ndarray | None
# The least that a probability is taken for: the smallest step below 1 in float64.
_EPSILON = float(np.finfo(np.float64).eps)


def auc(labels: np.ndarray, scores: np.ndarray, sample_weight: Weights = None) -> float:
    """The area under the ROC curve: how often a positive scores above a negative; ties are halves.

    Exact: it counts pairs by sorting (Mann and Whitney), without thresholds or bins.

    Args:
        labels: ``[N]``, 0 or 1.
        scores: ``[N]``, of any scale; only their order matters.
        sample_weight: ``[N]``; a pair weighs the product of its two.

    Returns:
        A number from 0 to 1; NaN where all labels are the same.

    Raises:
        DataError: the lengths differ, a label is neither 0 nor 1, or a number is NaN.

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    labels, scores, weight = _binary(labels, scores, sample_weight)
    above, pairs = _pairs(np.zeros(len(labels), np.int64), labels, scores, weight, 1)
    return float(above[0] / pairs[0]) if pairs[0] > 0 else float("nan")


def gauc(
    labels: np.ndarray, scores: np.ndarray, users: np.ndarray, sample_weight: Weights = None
) -> float:
    """The AUC within each user, averaged by how many examples the user has.

    It says whether each user's own items are in order, which is what a ranking shows; an AUC over
    all also counts who clicks much. Users with one class only have no AUC and are left out.

    Args:
        labels: ``[N]``, 0 or 1.
        scores: ``[N]``.
        users: ``[N]``, ids of any kind: who each example belongs to.
        sample_weight: ``[N]``; a user weighs the sum of theirs.

    Returns:
        A number from 0 to 1; NaN where no user has both classes.

    Raises:
        DataError: as `auc`.

    Reference: Zhu et al. 2017, "Optimized cost per click in Taobao display advertising".

    >>> gauc(np.array([0, 1, 1, 0]), np.array([0.1, 0.2, 0.8, 0.9]), np.array([1, 1, 2, 2]))
    0.5
    """
    labels, scores, weight = _binary(labels, scores, sample_weight)
    users = np.asarray(users)
    if users.shape != labels.shape:
        raise DataError(
            f"Expected a user for each of {len(labels)} labels; received an array of shape "
            f"{users.shape}."
        )
    distinct, group = np.unique(users, return_inverse=True)
    above, pairs = _pairs(group, labels, scores, weight, len(distinct))
    size = np.bincount(group, weight, len(distinct))
    both = pairs > 0
    if not both.any():
        return float("nan")
    return float(np.average(above[both] / pairs[both], weights=size[both]))


def log_loss(labels: np.ndarray, probabilities: np.ndarray, sample_weight: Weights = None) -> float:
    """The mean cross-entropy, in nats: ``-mean(y log p + (1 - y) log(1 - p))``.

    Args:
        labels: ``[N]``, from 0 to 1.
        probabilities: ``[N]``, from 0 to 1; kept 2e-16 away from both ends, so that a certain
            mistake costs much but not infinitely much.
        sample_weight: ``[N]``.

    Returns:
        A number of at least 0; NaN without examples.

    Raises:
        DataError: the lengths differ, or a number is not from 0 to 1.

    >>> round(log_loss(np.array([1, 0]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    labels, probabilities, weight = _probabilities(labels, probabilities, sample_weight)
    return _mean(_entropy(labels, probabilities), weight)


def normalized_entropy(
    labels: np.ndarray, probabilities: np.ndarray, sample_weight: Weights = None
) -> float:
    """The log loss over that of always saying the mean label; below 1 a model knows something.

    Unlike the log loss it does not depend on how rare positives are. Arguments and errors are those
    of `log_loss`.

    Returns:
        A number of at least 0; NaN without examples, or where all labels are 0 or all are 1.

    Reference: He et al. 2014, "Practical lessons from predicting clicks on ads at Facebook".

    >>> normalized_entropy(np.array([1, 0, 0, 0]), np.full(4, 0.25))
    1.0
    """
    labels, probabilities, weight = _probabilities(labels, probabilities, sample_weight)
    rate = _mean(labels, weight)
    if not 0.0 < rate < 1.0:
        return float("nan")
    own = _mean(_entropy(labels, probabilities), weight)
    return own / float(_entropy(np.array([rate]), np.array([rate]))[0])


def calibration_error(
    labels: np.ndarray,
    probabilities: np.ndarray,
    sample_weight: Weights = None,
    *,
    bins: int = 15,
) -> float:
    """The expected calibration error: how far predicted probabilities are from what happened.

    Predictions are put into ``bins`` of equal width, ``[0, 1/bins)`` and so on, the last with 1.
    The error is the mean over examples of ``|mean label - mean prediction|`` of their bin.

    Args:
        labels: ``[N]``, from 0 to 1.
        probabilities: ``[N]``, from 0 to 1.
        sample_weight: ``[N]``.
        bins: how many bins; more see finer errors and more chance.

    Returns:
        A number from 0 to 1; NaN without examples.

    Raises:
        ConfigError: ``bins`` is not positive.
        DataError: as `log_loss`.

    Reference: Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning";
    Guo et al. 2017, "On calibration of modern neural networks".

    >>> round(calibration_error(np.array([1, 0, 0, 0]), np.full(4, 0.5)), 4)
    0.25
    """
    if bins < 1:
        raise ConfigError(f"calibration_error expected 1 bin or more; received {bins}.")
    labels, probabilities, weight = _probabilities(labels, probabilities, sample_weight)
    total = weight.sum()
    if not total > 0:
        return float("nan")
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    # The weighted gap of a bin is the sum of its differences, whatever its size.
    gaps = np.bincount(place, weight * (labels - probabilities), bins)
    return float(np.abs(gaps).sum() / total)


def rmse(labels: np.ndarray, predictions: np.ndarray, sample_weight: Weights = None) -> float:
    """The root of the mean squared error.

    Args:
        labels: ``[N]``.
        predictions: ``[N]``.
        sample_weight: ``[N]``.

    Returns:
        A number of at least 0; NaN without examples.

    Raises:
        DataError: the lengths differ, or a number is NaN.

    >>> rmse(np.array([1.0, 3.0]), np.array([1.0, 1.0])) == 2 ** 0.5
    True
    """
    labels, predictions, weight = _pair(labels, predictions, sample_weight)
    return float(np.sqrt(_mean((labels - predictions) ** 2, weight)))


def mae(labels: np.ndarray, predictions: np.ndarray, sample_weight: Weights = None) -> float:
    """The mean absolute error. Arguments, result and errors are those of `rmse`.

    >>> mae(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    1.0
    """
    labels, predictions, weight = _pair(labels, predictions, sample_weight)
    return _mean(np.abs(labels - predictions), weight)


def _pairs(
    group: np.ndarray, labels: np.ndarray, scores: np.ndarray, weight: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """By group, the weight of pairs in the right order and of all pairs ``[G]``."""
    order = np.lexsort((scores, group))
    group, labels, scores, weight = (x[order] for x in (group, labels, scores, weight))
    # Runs of one group and one score: within a run a positive and a negative are half in order.
    new = np.ones(len(order), dtype=bool)
    new[1:] = (group[1:] != group[:-1]) | (scores[1:] != scores[:-1])
    run = np.cumsum(new) - 1
    positive = np.bincount(run, weight * labels)
    negative = np.bincount(run, weight * (1 - labels))
    owner = group[new]
    total = np.bincount(owner, negative, groups)
    began = np.cumsum(negative) - negative
    before = np.concatenate([[0.0], np.cumsum(total)[:-1]])
    above = np.bincount(owner, positive * (began - before[owner] + negative / 2), groups)
    return above, np.bincount(owner, positive, groups) * total


def _entropy(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    p = np.clip(probabilities, _EPSILON, 1 - _EPSILON)
    return np.asarray(-labels * np.log(p) - (1 - labels) * np.log1p(-p))


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    total = weight.sum()
    return float((weight * values).sum() / total) if total > 0 else float("nan")


def _pair(
    labels: np.ndarray, predictions: np.ndarray, sample_weight: Weights
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, predictions = np.asarray(labels, np.float64), np.asarray(predictions, np.float64)
    weight = np.ones(labels.shape) if sample_weight is None else np.asarray(sample_weight, float)
    if labels.ndim != 1 or not labels.shape == predictions.shape == weight.shape:
        raise DataError(
            "Expected labels, predictions and weights of one shape [N]; received "
            f"{labels.shape}, {predictions.shape} and {weight.shape}."
        )
    for name, values in (("label", labels), ("prediction", predictions), ("weight", weight)):
        wrong = ~np.isfinite(values)
        if name == "weight":
            wrong |= values < 0
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"Expected finite numbers, and weights of at least 0; the {name} of row {row} is "
                f"{values[row]}."
            )
    return labels, predictions, weight


def _binary(
    labels: np.ndarray, scores: np.ndarray, sample_weight: Weights
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, scores, weight = _pair(labels, scores, sample_weight)
    wrong = (labels != 0) & (labels != 1)
    if wrong.any():
        raise DataError(f"Expected labels 0 and 1; received {labels[wrong][0]:g}.")
    return labels, scores, weight


def _probabilities(
    labels: np.ndarray, probabilities: np.ndarray, sample_weight: Weights
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, probabilities, weight = _pair(labels, probabilities, sample_weight)
    for name, values in (("labels", labels), ("probabilities", probabilities)):
        if len(values) and not (values.min() >= 0 and values.max() <= 1):
            raise DataError(
                f"Expected {name} from 0 to 1; received {values.min():g} to {values.max():g}. "
                "Scores before the sigmoid are no probabilities."
            )
    return labels, probabilities, weight
