"""`evaluate`: the same questions to every model, and popularity always among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from shortlist.baselines import Popularity
from shortlist.data import Split
from shortlist.errors import ConfigError, SchemaError
from shortlist.evaluation.beyond import Beyond, categories_of
from shortlist.evaluation.leaks import warn_of_leaks
from shortlist.evaluation.report import Report
from shortlist.evaluation.run import Retriever, ask, measure
from shortlist.evaluation.sampled import check_sampled, sampled_metrics
from shortlist.evaluation.truth import Truth
from shortlist.index.base import check_k

__all__ = ["evaluate"]


def evaluate(
    retrievers: Mapping[str, Retriever],
    split: Split,
    ks: Sequence[int] = (10, 100),
    *,
    part: Literal["test", "validation"] = "test",
    items: Any = None,
    categories: str | None = None,
    users: pl.DataFrame | None = None,
    exclude_seen: bool = True,
    block_size: int = 1024,
    sampled: int | None = None,
) -> Report:
    """Ask every retriever for lists for the users of a split, and measure what they find.

    Each user of the part is one query, with what they did before as its history, oldest first, and
    the same items excluded. Relevant are the items of the user's events in the part, each once,
    without those the user knew already. Whatever a retriever can return competes: there is no
    sampling. Users of whom nothing is known are asked about like all others; their number, and the
    metrics with and without them, are in the report. Of equal scores the order is the retriever's.

    Args:
        retrievers: callables ``(Queries, k) -> Ranked`` by name. Popularity, fitted on
            ``split.train``, is added under the name ``"popularity"``.
        split: where to learn and where to ask. A validation part is in the histories of the test.
        ks: the cut-offs; lists are asked for at the largest.
        part: ``"test"``, or ``"validation"`` for tuning.
        items: the ids of the catalogue against which coverage is measured; the items of train by
            default. A frame's column ``item`` is taken.
        categories: a column of the frame ``items``, of values or of lists of them, such as genres:
            adds diversity and calibration_kl.
        users: a frame with the column ``user`` and the users' attributes, which become the
            features of the queries.
        exclude_seen: whether known items are excluded, and so cannot be relevant.
        block_size: how many queries are asked at a time.
        sampled: how many items to draw for each user for metrics such as
            ``"sampled100_ndcg@10"``, beside the full ones. They are biased: see
            `shortlist.evaluation.sampled`. The default of None draws none.

    Returns:
        A `Report` with, at each k, ndcg, recall, precision, hit_rate, mrr and map; the recall of
        popular, rare and unseen items apart (recall_head, recall_tail, recall_cold); novelty,
        popularity and serendipity; and coverage and gini of all lists together.

    Raises:
        ConfigError: a name or a cut-off cannot be used, or the split has no such part.
        SchemaError: ``items`` has no column ``item`` or no such ``categories``, or ``users`` has no
            column ``user`` or a user twice.
        DataError: nothing is to be found, or a retriever returns what is no ranking of as many
            lists as were asked for, NaN scores, or an item twice; the model and user are named.

    Warns:
        LeakWarning: the split tells a model what it is going to be asked.
        SampledMetricsWarning: ``sampled`` is given.

    >>> from shortlist.data import Interactions, splits
    >>> log = Interactions({"user": [1, 1, 2, 2], "item": list("abba"), "time": [1, 2, 3, 4]})
    >>> evaluate({}, splits.leave_last_out(log), ks=[1]).metrics["popularity"]["recall@1"]
    1.0
    """
    if "popularity" in retrievers:
        raise ConfigError("The name 'popularity' is taken by the baseline; use another one.")
    cuts = tuple(sorted({check_k(k) for k in ks}))
    if not cuts:
        raise ConfigError("Expected at least one cut-off in ks; received none.")
    frame = items if isinstance(items, pl.DataFrame) else None
    if isinstance(items, pl.DataFrame):
        if "item" not in items.columns:
            raise SchemaError(f"Expected items with a column 'item'; it has {items.columns}.")
        items = items["item"]
    drawn = None if sampled is None else check_sampled(sampled)
    leaks = warn_of_leaks(split)
    truth = Truth.of(split, part=part, items=items, users=users, exclude_seen=exclude_seen)
    models: dict[str, Retriever] = {"popularity": Popularity().fit(split.train), **retrievers}
    answers = {
        name: ask(name, model, truth, cuts[-1], block_size=block_size)
        for name, model in models.items()
    }
    expected = answers["popularity"].places
    beyond = Beyond(truth, cuts, expected, categories_of(truth, frame, categories))
    measured = {
        name: measure(found.places, truth, beyond, block_size=block_size)
        for name, found in answers.items()
    }
    if drawn is not None:
        for name, (per_user, _) in measured.items():
            per_user.update(sampled_metrics(name, models[name], truth, cuts, drawn))
    return Report(
        split.name,
        split.description,
        cuts,
        truth.queries.users,
        {name: per_user for name, (per_user, _) in measured.items()},
        {name: overall for name, (_, overall) in measured.items()},
        np.array([len(row) for row in truth.queries.history]),
        truth.counts,
        leaks,
        {name: found.seconds for name, found in answers.items()},
    )
