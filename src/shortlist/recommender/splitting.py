"""The parts of the data to learn from and to be judged by, as ``[split]`` says."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

from shortlist.data import Interactions, LeakWarning, Split, protocols, splits
from shortlist.datasets import Dataset
from shortlist.errors import ConfigError, nearest
from shortlist.recommender.config import SplitConfig

__all__ = ["split", "split_all", "validation"]

_Rule = Callable[[Interactions, float, SplitConfig], Split]

# How one part of a log is held out; a share of it, or of its users.
_RULES: Mapping[str, _Rule] = {
    "time": lambda log, share, _: splits.by_time(log, share),
    "user-time": lambda log, share, _: splits.by_user_time(log, share),
    "last-out": lambda log, _, __: splits.leave_last_out(log),
    "held-out-users": lambda log, share, config: protocols.held_out_users(
        log, share, fold_in=config.fold_in, seed=config.seed
    ),
    "random": lambda log, share, config: splits.random(log, share, seed=config.seed),
    "user-random": lambda log, share, config: protocols.by_user_random(
        log, share, seed=config.seed
    ),
}
# The rule that cuts a validation part off the training part of a window or a fold.
_WITHIN = {"windows": "time", "folds": "random"}


def split_all(data: Dataset, config: SplitConfig) -> dict[str, Split]:
    """Every split of ``config`` by name, in order: one, or one for each window or fold.

    Raises:
        ConfigError: the data set has no such folds.
        DataError: the data are too few, or have no times.

    Warns:
        LeakWarning: the rule draws at random.
    """
    if config.method == "windows":
        windows = protocols.rolling_windows(
            data.interactions, config.windows, config.test, expanding=config.expanding
        )
        return {f"window {number}": found for number, found in enumerate(windows, 1)}
    if config.method == "folds":
        return _folds(data, config)
    found = _RULES[config.method](data.interactions, config.test, config)
    return {found.name: found}


def split(data: Dataset, config: SplitConfig) -> Split:
    """The one split of ``config``; the latest window, or the last of its folds.

    Raises:
        ConfigError, DataError: as for `split_all`.
    """
    return list(split_all(data, config).values())[-1]


def validation(train: Interactions, config: SplitConfig, share: float) -> Split:
    """Hold a ``share`` of the training part out as the test part was, for tuning.

    Of a window's training part it is the end, and of a fold's a random share, as a fold is.

    Raises:
        DataError: ``train`` is too little for it.
    """
    return _RULES[_WITHIN.get(config.method, config.method)](train, share, config)


def _folds(data: Dataset, config: SplitConfig) -> dict[str, Split]:
    known = list(data.folds)
    if not known:
        raise ConfigError(
            f"`method = 'folds'` in [split] expected a data set that comes with folds, such as "
            f"movielens-100k; {data.name} has none. Choose another method."
        )
    chosen = known if config.folds is None else list(config.folds)
    for name in chosen:
        if name not in known:
            raise ConfigError(
                f"`folds` in [split] names {name!r}; {data.name} has {known}.{nearest(name, known)}"
            )
    found = {chosen[0]: data.folds[chosen[0]]}
    with warnings.catch_warnings():  # said of the first already
        warnings.simplefilter("ignore", LeakWarning)
        found |= {name: data.folds[name] for name in chosen[1:]}
    return found
