"""What `tune` tries and what it says.

tuning = index.tune(recall=0.99, k=100, queries=some_that_were_asked)
tuning.chosen           # Trial(searched=60, rescored=8.0, recall=0.9907, milliseconds=0.45)
tuning.table()          # every trial: the curve of recall against time
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import ConfigError

__all__ = ["RecallWarning", "Trial", "Tuning", "overlap", "tuned"]

# Candidates rescored, as multiples of k.
_RESCORED = (2.0, 4.0, 8.0, 16.0, 32.0)
# So many standard errors of the mean recall are kept as a margin: 95 % on one side.
_MARGIN = 1.645
_FINALISTS = 4


class RecallWarning(UserWarning):
    """No setting of an index reaches the recall that was asked for."""


@dataclass(frozen=True)
class Trial:
    """A setting, and what was measured with it.

    Attributes:
        searched: parts of the index that are looked through.
        rescored: candidates scored exactly, as a multiple of ``k``.
        recall: the share of the true ``k`` best that were found, on average; NaN before.
        error: the standard error of ``recall``; NaN before.
        milliseconds: CPU time of the calling thread for a query; NaN before.
    """

    searched: int
    rescored: float
    recall: float = float("nan")
    error: float = float("nan")
    milliseconds: float = float("nan")


@dataclass(frozen=True)
class Tuning:
    """What came of `tune`.

    Attributes:
        recall, k, batch, queries: what was asked for, and on how many queries it was measured.
        exact_milliseconds: CPU time of exact search for a query.
        trials: every setting that was tried, in that order; none for a flat index.
        chosen: the one in effect now; None for a flat index, which always finds everything.
    """

    recall: float
    k: int
    batch: int
    queries: int
    exact_milliseconds: float
    trials: tuple[Trial, ...]
    chosen: Trial | None

    @property
    def reached(self) -> bool:
        """Whether the recall that was asked for is reached."""
        return self.chosen is None or self.chosen.recall >= self.recall

    def curve(self) -> list[Trial]:
        """The trials that no other beats in both recall and time, by recall."""
        best: list[Trial] = []
        for trial in sorted(self.trials, key=lambda t: (-t.recall, t.milliseconds)):
            if not best or trial.milliseconds < best[-1].milliseconds:
                best.append(trial)
        return best[::-1]

    def table(self) -> pl.DataFrame:
        """The trials, by recall, with a column that marks the chosen one."""
        rows = [{**asdict(t), "chosen": t == self.chosen} for t in self.trials]
        kinds = {"searched": pl.Int64, "chosen": pl.Boolean}
        names = ("searched", "rescored", "recall", "error", "milliseconds", "chosen")
        schema = {name: kinds.get(name, pl.Float64) for name in names}
        return pl.DataFrame(rows, schema=schema).sort("recall", "milliseconds")

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {**asdict(self), "trials": [asdict(t) for t in self.trials]}


def tuned(
    search: Callable[[np.ndarray, Trial | None], np.ndarray],
    queries: np.ndarray,
    parts: int | None,
    *,
    recall: float,
    k: int,
    batch: int,
) -> Tuning:
    """Try settings; see `ApproximateIndex.tune`.

    Args:
        search: rows ``[B, k]`` found with a setting, or with None exactly; -1 where there are none.
        queries: ``[N, D]``, at least one.
        parts: of the index; None for a flat one, which has no settings.
        recall: as for `tune`.
        k: as for `tune`.
        batch: as for `tune`.
    """
    if not 0 < recall <= 1:
        raise ConfigError(f"Expected recall above 0 and up to 1; received {recall!r}.")
    blocks = [queries[start : start + batch] for start in range(0, len(queries), batch)]
    exact, exact_time = _timed(lambda block: search(block, None), blocks)
    trials: list[Trial] = []

    def measure(trial: Trial) -> Trial:
        found, seconds = _timed(lambda block: search(block, trial), blocks)
        shares = overlap(found, exact)
        error = float(shares.std() / len(shares) ** 0.5)
        trials.append(
            replace(trial, recall=float(shares.mean()), error=error, milliseconds=seconds * 1e3)
        )
        return trials[-1]

    def enough(trial: Trial) -> bool:
        # All of them found is enough, though a margin is then out of reach.
        return trial.recall >= min(recall + _MARGIN * trial.error, 1.0)

    fastest = math.inf
    for rescored in _RESCORED if parts is not None else ():
        found = _fewest(measure, enough, list(_steps(parts or 1)), rescored)
        if found is not None:
            # More candidates cost more, and only pay while fewer parts then suffice.
            if found.milliseconds > 1.3 * fastest:
                break
            fastest = min(fastest, found.milliseconds)
    chosen = _best_again(search, blocks, list(filter(enough, trials)))
    if parts is not None and chosen is None:
        chosen = max(trials, key=lambda t: t.recall)
        warnings.warn(
            f"No setting reached a recall of {recall:g} at k={k}; the best is {chosen.recall:.4f} "
            f"with {chosen.searched} of {parts} parts searched. Use kind='flat', or Exact.",
            RecallWarning,
            stacklevel=3,
        )
    return Tuning(recall, k, batch, len(queries), exact_time * 1e3, tuple(trials), chosen)


def _best_again(
    search: Callable[[np.ndarray, Trial | None], np.ndarray],
    blocks: list[np.ndarray],
    good: list[Trial],
) -> Trial | None:
    """The fastest trial; the first few are timed again in turn, for times swing."""
    # To search more parts for as many candidates is never faster, whatever was measured.
    least = [trial for trial in good if not any(_below(other, trial) for other in good)]
    finalists = sorted(least, key=lambda t: t.milliseconds)[:_FINALISTS]
    if len(finalists) < 2:
        return finalists[0] if finalists else None
    times: dict[Trial, float] = dict.fromkeys(finalists, math.inf)
    for trial in finalists * 2:
        times[trial] = min(times[trial], _timed(partial(_searched, search, trial), blocks)[1])
    return min(finalists, key=times.__getitem__)


def _below(one: Trial, other: Trial) -> bool:
    """Whether one asks for no more of either than the other, and for less of one."""
    mine, others = (one.searched, one.rescored), (other.searched, other.rescored)
    return mine != others and all(a <= b for a, b in zip(mine, others, strict=True))


def _searched(
    search: Callable[[np.ndarray, Trial | None], np.ndarray], trial: Trial, block: np.ndarray
) -> np.ndarray:
    return search(block, trial)


def overlap(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The share ``[B]`` of the rows ``true`` that are among ``found``, both ``[B, k]``; -1 is none.

    >>> overlap(np.array([[3, 1, -1]]), np.array([[1, 2, -1]])).tolist()
    [0.5]
    """
    span = max(int(found.max(initial=0)), int(true.max(initial=0))) + 1
    owners = span * np.arange(len(true))[:, None]
    hits = np.isin(true + owners, (found + owners)[found >= 0]) & (true >= 0)
    counts = np.maximum((true >= 0).sum(axis=1), 1)
    return np.where((true >= 0).any(axis=1), hits.sum(axis=1) / counts, 1.0)


def _fewest(
    measure: Callable[[Trial], Trial],
    enough: Callable[[Trial], bool],
    steps: list[int],
    rescored: float,
) -> Trial | None:
    """The trial that searches the fewest parts and finds enough; by bisection."""
    low, high, best = 0, len(steps) - 1, None
    while low <= high:
        middle = (low + high) // 2
        trial = measure(Trial(steps[middle], rescored))
        if enough(trial):
            best, high = trial, middle - 1
        else:
            low = middle + 1
    return best


def _steps(parts: int) -> Iterator[int]:
    """Numbers of parts from 1 up to all of them, each about a tenth more than the last."""
    step = 1
    while step < parts:
        yield step
        step = max(step + 1, round(step * 2**0.125))
    yield parts


def _timed(
    search: Callable[[np.ndarray], np.ndarray], blocks: list[np.ndarray]
) -> tuple[np.ndarray, float]:
    """What was found in all blocks, and seconds a query."""
    search(blocks[0][:1])
    # CPU time, since other programs make the wall time swing.
    began = time.thread_time()
    found = [search(block) for block in blocks]
    seconds = time.thread_time() - began
    return np.concatenate(found), seconds / sum(map(len, blocks))
