"""Rounds: models trained anew for each of several splits, such as windows of time or folds.

reports = {f"window {n}": evaluate(fitted(split.train), split) for n, split in enumerate(windows)}
pool(reports).comparisons("ndcg@10")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from shortlist.errors import DataError
from shortlist.evaluation.report import Report
from shortlist.evaluation.seeds import Spread, check_alike, mean_overall
from shortlist.ids import as_ids

__all__ = ["over_rounds", "pool"]


def pool(reports: Mapping[str, Report]) -> Report:
    """One report of all rounds: every user of every round is a row, and means are over the rows.

    Intervals and tests draw users with all of their rows, so that one who is asked in three rounds
    does not count as three. Coverage and gini, which are of whole runs, are means over the rounds.

    Args:
        reports: one a round, by its name, of the same models and cut-offs.

    Raises:
        DataError: there is no report, or they are not of the same models and cut-offs.

    >>> from shortlist.data import Interactions, protocols
    >>> from shortlist.evaluation import evaluate
    >>> log = Interactions({"user": [1, 2] * 5, "item": list("abcdefghij"), "time": range(10)})
    >>> windows = protocols.rolling_windows(log, 2, 0.2)
    >>> pooled = pool({f"window {n}": evaluate({}, s, ks=[5]) for n, s in enumerate(windows, 1)})
    >>> pooled.users.tolist(), pooled.counts["distinct_users"]
    ([1, 2, 1, 2], 2)
    """
    if not reports:
        raise DataError("Expected a report for at least one round; received none.")
    check_alike({f"that of {name}": report for name, report in reports.items()})
    every = list(reports.values())
    last = every[-1]
    users = [user for report in every for user in report.users.tolist()]
    counts = {name: sum(report.counts[name] for report in every) for name in last.counts}
    # The latest catalogue, and how many people there are: neither is a sum.
    counts |= {"catalogue": last.counts["catalogue"], "distinct_users": len(set(users))}
    return replace(
        last,
        split=", ".join(dict.fromkeys(report.split for report in every)),
        description=f"Trained anew for each of {', '.join(reports)}. The last: {last.description}",
        users=as_ids(users),
        per_user={
            model: {
                name: np.concatenate([report.per_user[model][name] for report in every])
                for name in last.per_user[model]
            }
            for model in last.models
        },
        overall=mean_overall(every),
        activity=np.concatenate([report.activity for report in every]),
        counts=counts,
        leaks=[f"{name}: {leak}" for name, report in reports.items() for leak in report.leaks],
        seconds={model: sum(report.seconds[model] for report in every) for model in last.models},
        rounds=np.repeat(list(reports), [len(report.users) for report in every]),
    )


def over_rounds(report: Report, metric: str) -> dict[str, Spread]:
    """How a metric varies over the rounds of a pooled report; empty for a report of one round."""
    if report.rounds is None:
        return {}
    found = list(report.by(report.rounds).values())
    return {model: Spread.of([one[model][metric] for one in found]) for model in report.models}
