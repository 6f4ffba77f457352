"""How sure one can be: intervals, paired tests and corrections, over the users as the sample.

All draws come from a seed, so a report gives the same figures again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.errors import ConfigError, DataError

__all__ = ["Comparison", "bootstrap", "compare", "holm", "sign_flip_test"]

_DRAWN_AT_ONCE = 2**24


@dataclass(frozen=True)
class Comparison:
    """Whether one model is better than another on one metric.

    Attributes:
        model: the one.
        other: the other.
        metric: such as ``"ndcg@10"``.
        difference: the mean of ``model - other`` over the users.
        low: the lower end of its interval.
        high: the upper end.
        p: how often a difference so large would come by chance, if the two were alike, corrected
            for the number of comparisons made together.
        verdict: ``"better"``, ``"worse"``, or ``"tie"`` where the difference is inside the noise.
    """

    model: str
    other: str
    metric: str
    difference: float
    low: float
    high: float
    p: float
    verdict: str

    def __str__(self) -> str:
        says = {"better": "is better than", "worse": "is worse than", "tie": "ties with"}
        return (
            f"{self.model} {says[self.verdict]} {self.other} on {self.metric}: "
            f"{self.difference:+.4f} ({self.low:+.4f} to {self.high:+.4f}, p = {self.p:.2g})"
        )


def bootstrap(
    values: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    samples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile bootstrap interval of a mean (Efron 1979).

    Args:
        values: ``[U]``, one a user; NaN are left out.
        groups: ``[U]`` the number of the user of each value, from 0 up, where users have several:
            then users are drawn with all of their values. None if each value is a user's only one.
        level: how often an interval made so holds the truth.
        samples: how many times the users are drawn anew.
        seed: of the draws.

    Raises:
        DataError: no value is left.
        ConfigError: ``level`` is not in (0, 1) or ``samples`` not positive.

    >>> low, high = bootstrap(np.array([0.0, 1.0] * 50))
    >>> bool(0.38 < low < 0.45 < 0.55 < high < 0.62)
    True
    """
    sums, counts = _summed(values, groups)
    if not 0 < level < 1 or samples < 1:
        raise ConfigError(
            f"Expected level in (0, 1) and samples of at least 1; received {level} and {samples}."
        )
    random = np.random.default_rng(seed)
    size = max(1, _DRAWN_AT_ONCE // len(sums))
    means = []
    for start in range(0, samples, size):
        drawn = random.integers(0, len(sums), (min(size, samples - start), len(sums)))
        sizes = len(sums) if groups is None else counts[drawn].sum(axis=1)
        means.append(sums[drawn].sum(axis=1) / sizes)
    ends = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(ends[0]), float(ends[1])


def sign_flip_test(
    differences: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    samples: int = 5000,
    seed: int = 0,
) -> float:
    """The two-sided p-value of paired differences, by Fisher's randomisation.

    If two models were alike, each user's difference might as well have the other sign. The value is
    the share of random signs whose mean is at least as far from 0, the observed one included, so
    it is never 0.

    Args:
        differences: ``[U]``, one a user; NaN are left out.
        groups: as for `bootstrap`; all the differences of a user then get one sign.
        samples: how many times signs are drawn.
        seed: of the draws.

    Raises:
        DataError: no value is left.

    >>> sign_flip_test(np.array([1.0, -1.0, 1.0, -1.0]))
    1.0
    """
    known, _ = _summed(differences, groups)
    known = known[known != 0.0]
    if not len(known):
        return 1.0
    random = np.random.default_rng(seed)
    observed = abs(known.sum())
    as_far, size = 0, max(1, _DRAWN_AT_ONCE // len(known))
    for start in range(0, samples, size):
        count = min(size, samples - start)
        plus = random.integers(0, 2, (count, len(known)), dtype=np.int8)
        # The sum over signs is twice that over the plus signs, less the whole.
        sums = np.abs(2.0 * (plus @ known) - known.sum())
        as_far += int((sums >= observed * (1 - 1e-12)).sum())
    return (as_far + 1) / (samples + 1)


def holm(p_values: np.ndarray) -> np.ndarray:
    """p-values corrected for being several, by Holm's step-down method (1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return corrected


def compare(
    values: dict[str, np.ndarray],
    metric: str,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    samples: int = 5000,
    seed: int = 0,
) -> list[Comparison]:
    """Compare every pair of models, given each one's values ``[U]`` for the same users.

    A difference counts if its p-value, corrected for all pairs, is below ``1 - level``. For
    ``groups`` see `bootstrap`.

    Raises:
        DataError: two models have no user in common.
        ConfigError: ``level`` or ``samples`` is out of range.
    """
    names = list(values)
    pairs = [(a, b) for place, b in enumerate(names) for a in names[place + 1 :]]
    gaps = [values[a] - values[b] for a, b in pairs]
    tested = [sign_flip_test(gap, groups=groups, samples=samples, seed=seed) for gap in gaps]
    p_values = holm(np.array(tested))
    found = []
    for (a, b), gap, p in zip(pairs, gaps, p_values.tolist(), strict=True):
        low, high = bootstrap(gap, groups=groups, level=level, samples=samples, seed=seed)
        mean = float(np.nanmean(gap))
        verdict = "tie" if p >= 1 - level else "better" if mean > 0 else "worse"
        found.append(Comparison(a, b, metric, mean, low, high, p, verdict))
    return found


def _summed(values: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The sum of each user's values that are numbers, and how many they are."""
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    if not known.any():
        raise DataError("Expected at least one value that is a number; there is none.")
    if groups is None:
        return values[known], np.ones(int(known.sum()), dtype=np.int64)
    counts = np.bincount(groups[known])
    sums = np.bincount(groups[known], weights=values[known])
    return sums[counts > 0], counts[counts > 0]
