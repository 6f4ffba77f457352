"""Ways in which a split tells a model what it is going to be asked."""

from __future__ import annotations

import warnings

import polars as pl

from shortlist.data import LeakWarning, Split

__all__ = ["warn_of_leaks"]


def warn_of_leaks(split: Split) -> list[str]:
    """Warn of test events that train holds too, and of users tested on what came before train.

    Returns:
        The warnings, for a report.

    Warns:
        LeakWarning: once for each kind of leak that is found.
    """
    found = [*_same_events(split), *_reversed_users(split)]
    for message in found:
        warnings.warn(message, LeakWarning, stacklevel=3)
    return found


def _same_events(split: Split) -> list[str]:
    timed = split.train.has_time and split.test.has_time
    columns = ["user", "item", "time"] if timed else ["user", "item"]
    same = split.test.frame.join(split.train.frame, on=columns, how="semi")
    if not same.height:
        return []
    example = same.select(columns).row(0, named=True)
    return [f"{same.height:,} test events are in train as well, such as {example}."]


def _reversed_users(split: Split) -> list[str]:
    if not (split.train.has_time and split.test.has_time):
        return []
    last = split.train.frame.group_by("user").agg(pl.col("time").max().alias("last"))
    first = split.test.frame.group_by("user", maintain_order=True).agg(
        pl.col("time").min().alias("first")
    )
    wrong = first.join(last, on="user", maintain_order="left").filter(
        pl.col("first") < pl.col("last")
    )
    if not wrong.height:
        return []
    user, began, ended = wrong.row(0)
    return [
        f"{wrong.height:,} of {first.height:,} test users have test events from before their last "
        f"train event: user {user!r} is tested from {began} on and trained until {ended}."
    ]
