"""Off-policy evaluation: what another policy would have earned, from what this one logged.

Each estimator takes the rewards that were seen, the propensity with which the logging policy made
each choice, and the probability with which the new policy would have made it::

    estimate = snips(rewards, logged, wanted)
    print(estimate)                                   # 0.0841 (95 %: 0.0790 to 0.0893)

Intervals are the normal ones around the mean; they are too narrow where few events carry most of
the weight, of which `Estimate.effective` tells: how many unweighted events would say as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from shortlist.errors import ConfigError, DataError

__all__ = ["Estimate", "doubly_robust", "ips", "snips"]


@dataclass(frozen=True)
class Estimate:
    """An estimate of the mean reward of a policy.

    Attributes:
        value: the estimate.
        low: the lower end of the interval.
        high: the upper end.
        level: how often an interval made so holds the truth.
        effective: the effective number of events, ``(sum w)^2 / sum w^2`` (Kish 1965).
        events: the number of events.
        clipped: how many weights were cut down.
    """

    value: float
    low: float
    high: float
    level: float
    effective: float
    events: int
    clipped: int

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.level:.0%}: {self.low:.4f} to {self.high:.4f})"


def ips(
    rewards: np.ndarray,
    logged: np.ndarray,
    wanted: np.ndarray,
    *,
    largest: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Inverse propensity scoring (Horvitz and Thompson 1952): the mean of ``w * reward``.

    Without bias as long as every choice of the new policy could have been logged.

    Args:
        rewards: ``[N]`` what each choice earned.
        logged: ``[N]`` the probability with which the logging policy made it, in (0, 1].
        wanted: ``[N]`` the probability with which the new policy would make it, in [0, 1].
        largest: weights ``w = wanted / logged`` are cut to this, for less spread and some bias.
        level: of the interval.

    Raises:
        DataError: the shapes differ, there are fewer than two events, or a number is out of range.
        ConfigError: ``largest`` is not positive or ``level`` not in (0, 1).

    >>> print(ips(np.array([1.0, 0.0, 1.0, 0.0]), np.full(4, 0.5), np.array([1.0, 0.0, 1.0, 0.0])))
    1.0000 (95%: -0.1316 to 2.1316)
    """
    rewards, weights, clipped = _weights(rewards, logged, wanted, largest)
    return _estimate(weights * rewards, weights, clipped, level)


def snips(
    rewards: np.ndarray,
    logged: np.ndarray,
    wanted: np.ndarray,
    *,
    largest: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Self-normalised IPS (Swaminathan and Joachims 2015): ``sum of w * reward / sum of w``.

    Stays within the range of the rewards and spreads less, at a bias that goes away as the events
    grow in number. The interval is by the delta method. Arguments and errors are those of `ips`.

    Raises:
        DataError: also if the new policy would have made none of the choices.

    >>> snips(np.array([1.0, 0.0, 1.0]), np.full(3, 0.5), np.array([1.0, 0.0, 1.0])).value
    1.0
    """
    rewards, weights, clipped = _weights(rewards, logged, wanted, largest)
    if not weights.sum() > 0:
        raise DataError("The new policy would have made none of the logged choices.")
    value = float((weights * rewards).sum() / weights.sum())
    spread = weights * (rewards - value) / weights.mean()
    return _estimate(value + spread, weights, clipped, level, value)


def doubly_robust(
    rewards: np.ndarray,
    logged: np.ndarray,
    wanted: np.ndarray,
    *,
    predicted: np.ndarray,
    expected: np.ndarray,
    largest: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Doubly robust (Dudík et al. 2011): the mean of ``expected + w * (reward - predicted)``.

    Without bias if the propensities are right or the predictions are, and with less spread than
    IPS the better the predictions.

    Args:
        rewards: as in `ips`; so are ``logged``, ``wanted``, ``largest`` and ``level``.
        logged: as in `ips`.
        wanted: as in `ips`.
        predicted: ``[N]`` a model's reward for the choice that was made.
        expected: ``[N]`` the model's mean reward over the choices of the new policy, in the same
            place.
        largest: as in `ips`.
        level: as in `ips`.

    Raises:
        DataError: as in `ips`, or the predictions are not finite numbers of that shape.
        ConfigError: as in `ips`.

    >>> ones, half = np.ones(3), np.full(3, 0.5)
    >>> doubly_robust(ones, half, half, predicted=ones, expected=half).value
    0.5
    """
    rewards, weights, clipped = _weights(rewards, logged, wanted, largest)
    predicted = _checked("predicted", predicted, rewards.shape)
    expected = _checked("expected", expected, rewards.shape)
    return _estimate(expected + weights * (rewards - predicted), weights, clipped, level)


def _estimate(
    terms: np.ndarray,
    weights: np.ndarray,
    clipped: int,
    level: float,
    value: float | None = None,
) -> Estimate:
    """The mean of ``terms``, or ``value``, with the interval of a mean."""
    if not 0 < level < 1:
        raise ConfigError(f"Expected level in (0, 1); received {level!r}.")
    middle = float(terms.mean()) if value is None else value
    half = NormalDist().inv_cdf(0.5 + level / 2) * float(terms.std(ddof=1)) / len(terms) ** 0.5
    squares = float((weights**2).sum())
    effective = float(weights.sum()) ** 2 / squares if squares > 0 else 0.0
    return Estimate(middle, middle - half, middle + half, level, effective, len(terms), clipped)


def _weights(
    rewards: np.ndarray, logged: np.ndarray, wanted: np.ndarray, largest: float | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Checked rewards, the weights, and how many of these were cut."""
    shape = np.shape(rewards)
    if len(shape) != 1 or shape[0] < 2:
        raise DataError(f"Expected the rewards of two or more events [N]; received {shape}.")
    rewards = _checked("rewards", rewards, shape)
    logged, wanted = _checked("logged", logged, shape), _checked("wanted", wanted, shape)
    for name, values, lowest in (("logged", logged, 1e-300), ("wanted", wanted, 0.0)):
        wrong = np.flatnonzero((values < lowest) | (values > 1 + 1e-9))
        if len(wrong):
            raise DataError(
                f"Expected {name} probabilities{' above 0' if lowest else ''} up to 1; "
                f"event {wrong[0]} has {values[wrong[0]]}."
            )
    weights = wanted / logged
    if largest is None:
        return rewards, weights, 0
    if not largest > 0:
        raise ConfigError(f"Expected largest to be positive; received {largest!r}.")
    return rewards, np.minimum(weights, largest), int((weights > largest).sum())


def _checked(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise DataError(f"Expected {name} of shape {shape}; received {array.shape}.")
    if not np.isfinite(array).all():
        event = int(np.flatnonzero(~np.isfinite(array))[0])
        raise DataError(f"Expected finite {name}; event {event} has {array[event]}.")
    return array
