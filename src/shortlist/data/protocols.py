"""Protocols that split by users, or again and again; what they give is a `Split`.

for split in rolling_windows(log, windows=3): ...      # retrain, and be tested on what came next
split = held_out_users(log, seed=0)                    # users who are not trained on (fold-in)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from shortlist.data.interactions import Interactions
from shortlist.data.splits import LeakWarning, Split
from shortlist.errors import ConfigError, DataError

__all__ = ["by_user_random", "held_out_users", "rolling_windows"]


def by_user_random(
    interactions: Interactions, test: float = 0.2, validation: float = 0.0, *, seed: int
) -> Split:
    """Draw a share of each user's events at random. It leaks; for comparison with such results.

    Of ``n`` events of a user ``round(test * n)`` are test and ``round(validation * n)`` validation,
    but one always stays in train.

    Args:
        interactions: with or without times.
        test: the share of each user's rows, in (0, 1), that is test.
        validation: the share of each user's rows that is validation.
        seed: of the draw.

    Raises:
        ConfigError: the shares are not in (0, 1), or leave nothing to train on.
        DataError: nothing is left for a part.

    Warns:
        LeakWarning: always.

    >>> import warnings
    >>> log = Interactions({"user": [1] * 10, "item": range(10)}, time=None)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", LeakWarning)
    ...     split = by_user_random(log, 0.1, 0.1, seed=0)
    >>> len(split.train), len(split.validation), len(split.test)
    (8, 1, 1)
    """
    _check_shares(test, validation)
    warnings.warn(
        "A random split trains on events that came after those it tests on, so its figures are "
        "higher than they will be live. Use by_time or by_user_time to judge a model.",
        LeakWarning,
        stacklevel=2,
    )
    codes = interactions.user_codes
    ranks, sizes = _shuffled_ranks(codes, np.random.default_rng(seed))
    tests = np.minimum(np.rint(test * sizes), sizes - 1)
    both = np.minimum(tests + np.rint(validation * sizes), sizes - 1)
    parts = ranks < tests[codes], (ranks >= tests[codes]) & (ranks < both[codes])
    return _split(
        interactions,
        ranks >= both[codes],
        parts[1] if validation else None,
        parts[0],
        name="by_user_random",
        description=f"A random {test:.0%} of each user's events are test"
        f"{f' and {validation:.0%} validation' if validation else ''} (seed {seed}); "
        "train holds events from their future.",
    )


def rolling_windows(
    interactions: Interactions, windows: int = 3, test: float = 0.1, *, expanding: bool = True
) -> Iterator[Split]:
    """Test on several stretches of time in turn, each after training on what was before it.

    The last ``windows * test`` of all events by time are cut into ``windows`` stretches of equally
    many events. Averages over them say how a model fares that is trained anew as time goes on.

    Args:
        interactions: with times.
        windows: how many stretches.
        test: the share of the rows in each.
        expanding: train on everything before a stretch; False trains on as many events as the
            first stretch has before it, so that old events are forgotten.

    Raises:
        DataError: there is no time, or a part would be empty.
        ConfigError: ``windows`` is not positive, or nothing is left to train on.

    >>> log = Interactions({"user": [1] * 10, "item": range(10), "time": range(10)})
    >>> [s.test.frame["item"].to_list() for s in rolling_windows(log, 2, 0.2)]
    [[6, 7], [8, 9]]
    """
    _check_shares(test, 0.0)
    if windows < 1 or windows * test >= 1:
        raise ConfigError(
            "Expected at least one window, and less than all events in them; received "
            f"{windows!r} windows of {test!r}."
        )
    if interactions.times is None:
        raise DataError(
            "rolling_windows needs times, and these interactions were made with time=None. Name "
            "their column of times."
        )
    place = np.empty(len(interactions), dtype=np.int64)
    place[np.argsort(interactions.times, kind="stable")] = np.arange(len(interactions))
    size = int(test * len(interactions) + 1e-9)
    first = len(interactions) - windows * size
    for number in range(windows):
        start = first + number * size
        since = 0 if expanding else start - first
        yield _split(
            interactions,
            (place >= since) & (place < start),
            None,
            (place >= start) & (place < start + size),
            name="rolling_windows",
            description=f"Window {number + 1} of {windows}: {test:.0%} of all events by time, "
            f"after training on {'all' if expanding else 'the same number'} before it.",
        )


def held_out_users(
    interactions: Interactions,
    test: float = 0.1,
    validation: float = 0.0,
    *,
    fold_in: float = 0.8,
    seed: int,
) -> Split:
    """Test on users who are not trained on: strong generalisation (Liang et al. 2018).

    All events of some users are kept from training. Of each of those users a random ``fold_in`` of
    the events is shown to the model as the history, and it is judged by the rest.

    Args:
        interactions: with or without times.
        test: the share of the users, in (0, 1), that is tested on.
        validation: the share of the users that is validation.
        fold_in: the share of such a user's events, in (0, 1), that is the history.
        seed: of the draws.

    Returns:
        A `Split` whose ``fold_in`` holds the histories of the held-out users.

    Raises:
        ConfigError: the shares are not in (0, 1), or leave nothing to train on.
        DataError: nothing is left for a part. Users with one event cannot be held out.

    >>> log = Interactions({"user": np.repeat([1, 2], 5), "item": [*range(5)] * 2}, time=None)
    >>> split = held_out_users(log, test=0.5, seed=0)
    >>> len(split.train), len(split.fold_in), len(split.test)
    (5, 4, 1)
    """
    _check_shares(test, validation)
    if not 0 < fold_in < 1:
        raise ConfigError(f"fold_in expected a share in (0, 1); received {fold_in!r}.")
    draw = np.random.default_rng(seed)
    codes = interactions.user_codes
    ranks, sizes = _shuffled_ranks(codes, draw)
    order = draw.permutation(np.flatnonzero(sizes > 1))
    counts = [round(share * len(sizes)) for share in (test, validation)]
    tested, validated = order[: counts[0]], order[counts[0] : sum(counts)]
    asked = ranks >= np.clip(np.rint(fold_in * sizes), 1, sizes - 1)[codes]
    is_test, is_validation = np.isin(codes, tested), np.isin(codes, validated)
    return _split(
        interactions,
        ~is_test & ~is_validation,
        is_validation & asked if validation else None,
        is_test & asked,
        fold_in=(is_test | is_validation) & ~asked,
        name="held_out_users",
        description=f"A random {test:.0%} of the users are not trained on; {fold_in:.0%} of each "
        f"one's events are the history and the rest test (seed {seed}).",
    )


def _split(
    interactions: Interactions,
    train: np.ndarray,
    validation: np.ndarray | None,
    test: np.ndarray,
    *,
    name: str,
    description: str,
    fold_in: np.ndarray | None = None,
) -> Split:
    parts = {"train": train, "validation": validation, "test": test}
    for part, mask in parts.items():
        if mask is not None and not mask.any():
            raise DataError(
                f"{name} leaves nothing for {part}: {len(interactions):,} interactions of "
                f"{len(interactions.users):,} users are too few. Give more data or another split."
            )
    return Split(
        interactions.filter(train),
        None if validation is None else interactions.filter(validation),
        interactions.filter(test),
        name,
        description,
        None if fold_in is None else interactions.filter(fold_in),
    )


def _shuffled_ranks(codes: np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random rank of each row among those of its code, and how many rows each code has."""
    sizes = np.bincount(codes)
    order = np.lexsort((draw.random(len(codes)), codes))
    ranks = np.empty(len(codes), dtype=np.int64)
    ranks[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranks, sizes


def _check_shares(test: float, validation: float) -> None:
    if not (0 < test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise ConfigError(
            "Expected test in (0, 1), validation in [0, 1) and less than 1 together; received "
            f"{test!r} and {validation!r}."
        )
