"""Split interactions into train, validation and test.

Every rule here marks the last part of a sequence: of all events (`by_time`), of each user's events
(`by_user_time`, `leave_last_out`), or of a shuffled list (`random`). Parts keep the rows in the
order of the source. Of events at the same time, the one further up in the source is earlier.

Rounding, one rule for all: of ``n`` events, ``ceil(test * n)`` are test and
``ceil(validation * n)`` before them are validation, but the first always stays in train, so a user
with a single event is in train alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.data.codes import IdIndex, time_order
from shortlist.data.interactions import Interactions
from shortlist.errors import ConfigError, DataError

__all__ = ["LeakWarning", "Split", "by_time", "by_user_time", "leave_last_out", "random"]

_Counts = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class LeakWarning(UserWarning):
    """A split lets a model see the future of the events it is tested on."""


@dataclass(frozen=True, eq=False)
class Split:
    """Interactions to learn from, to tune on and to be judged by.

    Attributes:
        train: the interactions to learn from.
        validation: the interactions to tune on, or None.
        test: the interactions to be judged by.
        name: the rule in one word, such as ``"by_time"``.
        description: the rule in one sentence, for reports.
        fold_in: what users who are not trained on did before they are asked about, or None.
    """

    train: Interactions
    validation: Interactions | None
    test: Interactions
    name: str
    description: str
    fold_in: Interactions | None = None

    def facts(self) -> dict[str, Any]:
        """Count the parts, and how much of test concerns users and items that train has seen.

        Returns:
            train, validation, test: rows. test_users: distinct users in test.
            test_events_of_known_users and test_events_of_known_items: shares of the rows of test.
        """
        return {
            "train": len(self.train),
            "validation": 0 if self.validation is None else len(self.validation),
            "test": len(self.test),
            "test_users": len(self.test.users),
            "test_events_of_known_users": _share_known(self.test, self.train, "user"),
            "test_events_of_known_items": _share_known(self.test, self.train, "item"),
        }


def by_time(interactions: Interactions, test: float = 0.2, validation: float = 0.0) -> Split:
    """Cut all interactions at one moment: train before it, test after it. The default protocol.

    It is the one split that repeats what happens live. Where users come and go quickly, few test
    events belong to users seen in training (`Split.facts` says how many).

    Args:
        interactions: with times.
        test: the share of the rows, in (0, 1), that is test.
        validation: the share of the rows just before them that is validation.

    Raises:
        DataError: there is no time, or nothing is left for a part.
        ConfigError: the shares are not in (0, 1), or leave nothing to train on.

    >>> log = Interactions({"user": [1, 1, 2, 2, 2], "item": [1, 2, 3, 4, 5],
    ...                     "time": [9, 1, 2, 3, 4]})
    >>> by_time(log).test.frame["item"].to_list()
    [1]
    """
    times = _times(interactions, "by_time")
    codes = np.zeros(len(interactions), dtype=np.int32)
    description = (
        f"The last {test:.0%} of all events by time are test"
        f"{_and_validation(validation)}; ties by the order of the source."
    )
    counts = _shares(test, validation)
    return _last_parts(interactions, codes, times, counts, name="by_time", description=description)


def by_user_time(interactions: Interactions, test: float = 0.2, validation: float = 0.0) -> Split:
    """Cut each user's interactions: test is the last part of what each user did.

    Every user with two events or more is in train and in test. A model may still learn from what
    others did after a test event, so trends of the day are known to it, which they are not live.

    Args:
        interactions: with times.
        test: the share of each user's rows, in (0, 1), that is test, rounded up.
        validation: the share of each user's rows just before them that is validation, rounded up.

    Raises:
        DataError: there is no time, or nothing is left for a part.
        ConfigError: the shares are not in (0, 1), or leave nothing to train on.

    >>> log = Interactions({"user": [1, 1, 2, 2, 2], "item": [1, 2, 3, 4, 5],
    ...                     "time": [9, 1, 2, 3, 4]})
    >>> by_user_time(log).test.frame["item"].to_list()
    [1, 5]
    """
    times = _times(interactions, "by_user_time")
    description = (
        f"The last {test:.0%} of each user's events by time are test"
        f"{_and_validation(validation)}, rounded up; ties by the order of the source. "
        "Other users' later events are in train."
    )
    counts = _shares(test, validation)
    codes = interactions.user_codes
    return _last_parts(
        interactions, codes, times, counts, name="by_user_time", description=description
    )


def leave_last_out(interactions: Interactions, *, validation: bool = False) -> Split:
    """Test on each user's last interaction, the protocol of much work on sequences.

    Args:
        interactions: with times.
        validation: whether each user's last but one is validation. The first stays in train.

    Raises:
        DataError: there is no time, or nothing is left for a part.

    >>> log = Interactions({"user": [1, 1, 2], "item": [1, 2, 3], "time": [9, 1, 2]})
    >>> leave_last_out(log).test.frame["item"].to_list()
    [1]
    """
    times = _times(interactions, "leave_last_out")
    description = (
        "Each user's last event by time is test"
        f"{' and the last but one validation' if validation else ''}; ties by the order of the "
        "source. Other users' later events are in train."
    )

    def counts(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.ones_like(sizes), np.full_like(sizes, int(validation))

    codes = interactions.user_codes
    return _last_parts(
        interactions, codes, times, counts, name="leave_last_out", description=description
    )


def random(
    interactions: Interactions, test: float = 0.2, validation: float = 0.0, *, seed: int
) -> Split:
    """Draw the rows of test at random. It leaks, and warns of it; for comparison with such results.

    Args:
        interactions: with or without times.
        test: the share of the rows, in (0, 1), that is test, rounded up.
        validation: the share of the rows that is validation, rounded up.
        seed: of the draw.

    Raises:
        DataError: nothing is left for a part.
        ConfigError: the shares are not in (0, 1), or leave nothing to train on.

    Warns:
        LeakWarning: always.
    """
    counts = _shares(test, validation)
    warnings.warn(
        "A random split trains on events that came after those it tests on, so its figures are "
        "higher than they will be live. Use by_time or by_user_time to judge a model.",
        LeakWarning,
        stacklevel=2,
    )
    shuffled = np.random.default_rng(seed).permutation(len(interactions))
    codes = np.zeros(len(interactions), dtype=np.int32)
    description = (
        f"A random {test:.0%} of all events are test{_and_validation(validation)} (seed {seed}); "
        "train holds events from their future."
    )
    return _last_parts(
        interactions, codes, shuffled, counts, name="random", description=description
    )


def _last_parts(
    interactions: Interactions,
    codes: np.ndarray,
    times: np.ndarray,
    counts: _Counts,
    *,
    name: str,
    description: str,
) -> Split:
    """Mark the last events of every code as test, and those before them as validation."""
    sizes = np.bincount(codes)
    test, validation = counts(sizes)
    test = np.minimum(test, sizes - 1)
    left = np.minimum(validation, sizes - 1 - test)
    order = time_order(codes, times)
    ends = np.cumsum(sizes)
    from_end = np.empty(len(codes), dtype=np.int64)
    from_end[order] = np.repeat(ends, sizes) - np.arange(len(codes))
    is_test = from_end <= test[codes]
    is_validation = ~is_test & (from_end <= (test + left)[codes])
    wanted = {"test": (is_test, True), "validation": (is_validation, bool(validation.any()))}
    for part, (mask, asked) in wanted.items():
        if asked and not mask.any():
            raise DataError(
                f"{name} leaves nothing for {part}: {len(codes):,} interactions of "
                f"{len(interactions.users):,} users are too few, for the first of each sequence "
                "stays in train. Give more data or another split."
            )
    return Split(
        interactions.filter(~is_test & ~is_validation),
        interactions.filter(is_validation) if is_validation.any() else None,
        interactions.filter(is_test),
        name,
        description,
    )


def _shares(test: float, validation: float) -> _Counts:
    if not 0 < test < 1:
        raise ConfigError(f"test expected a share in (0, 1); received {test!r}.")
    if not 0 <= validation < 1:
        raise ConfigError(f"validation expected a share in [0, 1); received {validation!r}.")
    if test + validation >= 1:
        raise ConfigError(
            f"test + validation expected less than 1; received {test!r} + {validation!r}, which "
            "leaves nothing for train."
        )

    def counts(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _ceil(test * sizes), _ceil(validation * sizes)

    return counts


def _ceil(values: np.ndarray) -> np.ndarray:
    # 0.07 * 100 is 7.000000000000001 in floating point and must still be 7.
    return np.ceil(values - 1e-9).astype(np.int64)


def _times(interactions: Interactions, name: str) -> np.ndarray:
    times = interactions.times
    if times is None:
        raise DataError(
            f"{name} needs times, and these interactions were made with time=None. Name their "
            "column of times, or use splits.random, which leaks."
        )
    return times


def _and_validation(share: float) -> str:
    return f" and the {share:.0%} before them validation" if share else ""


def _share_known(test: Interactions, train: Interactions, role: str) -> float:
    known = IdIndex(train.users if role == "user" else train.items)
    return float((known.places(test.frame[role]) >= 0).mean())
