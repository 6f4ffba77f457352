"""From a `Study` to the rows and figures of its page."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from shortlist.evaluation import Comparison, Spread, over_rounds
from shortlist.report.figures import Interval, Series, intervals, lines, scatter
from shortlist.report.study import Study

__all__ = ["content"]

_SURE = ("ndcg", "recall", "precision", "hit_rate", "mrr", "map")
_BEYOND = (
    "coverage", "gini", "novelty", "popularity", "serendipity", "diversity", "calibration_kl"
)  # fmt: skip
# Whole numbers between these are taken for seconds since 1970: the years from 1973 to 2100.
_FIRST, _LAST = 100_000_000, 4_102_444_800


class Cell(NamedTuple):
    """What a field of a table says, what it adds on a second line, and whether it stands out."""

    text: str
    more: str = ""
    kind: str = ""


def content(study: Study) -> dict[str, Any]:
    """The names that the template uses, as texts, rows of `Cell` and figures."""
    comparisons = study.comparisons
    return {
        "title": study.title,
        "metric": study.metric,
        "models": study.report.models,
        "description": study.report.description,
        "counts": {n.replace("_", " "): f"{v:,}" for n, v in study.report.counts.items()},
        "leaks": list(study.report.leaks),
        "left_out": dict(study.left_out),
        "metrics": _metrics(study, _best(study, comparisons)),
        "wins": _wins(study.report.models, comparisons),
        "spreads": _spreads(study.spreads),
        "rounds": _spreads(over_rounds(study.report, study.metric)),
        "says": [str(comparison) for comparison in comparisons],
        "segments": _segments(study),
        "costs": _costs(study),
        "tuned": _tuned(study),
        "facts": _facts(study.facts.counts),
        "examples": study.examples,
        "figures": _figures(study),
    }


def _best(study: Study, comparisons: Sequence[Comparison]) -> set[str]:
    """The model that is best on the metric, and all that tie with it."""
    values = {model: found[study.metric] for model, found in study.report.metrics.items()}
    first = max(values, key=lambda model: values[model])
    ties = {
        (c.model, c.other)
        for c in comparisons
        if c.verdict == "tie" and first in (c.model, c.other)
    }
    return {first, *(model for pair in ties for model in pair)}


def _metrics(study: Study, best: set[str]) -> list[tuple[str, list[Cell]]]:
    found, rows = study.report.metrics, []
    for metric in (*_SURE, *_BEYOND):
        name = f"{metric}@{study.k}"
        if name not in found[study.report.models[0]]:
            continue
        sure = study.report.intervals(name) if metric in _SURE else {}
        cells = []
        for model in study.report.models:
            low, high = sure.get(model, (math.nan, math.nan))
            more = f"{low:.4f} to {high:.4f}" if sure else ""
            mark = "best" if name == study.metric and model in best else ""
            cells.append(Cell(_share(found[model][name]), more, mark))
        rows.append((name, cells))
    return rows


def _wins(models: Sequence[str], comparisons: Sequence[Comparison]) -> list[tuple[str, list[Cell]]]:
    """A row for each model: how it does against the model of each column."""
    against: dict[tuple[str, str], Cell] = {}
    turned = {"better": "worse", "worse": "better", "tie": "tie"}
    for one in comparisons:
        p = f"p = {one.p:.2g}"
        against[one.model, one.other] = _win(one.verdict, one.difference, p)
        against[one.other, one.model] = _win(turned[one.verdict], -one.difference, p)
    return [(a, [against.get((a, b), Cell("")) for b in models]) for a in models]


def _spreads(spreads: Mapping[str, Spread]) -> list[tuple[str, list[Cell]]]:
    """A row for each model, where there are several seeds or rounds."""
    return [
        (model, [Cell(str(one)), Cell(", ".join(f"{value:.4f}" for value in one.values))])
        for model, one in spreads.items()
        if len(one.values) > 1
    ]


def _win(verdict: str, difference: float, p: str) -> Cell:
    # Inside the noise the sign of a difference says nothing, so none is shown.
    return Cell("tie", p, "tie") if verdict == "tie" else Cell(f"{difference:+.4f}", p, verdict)


def _segments(study: Study) -> list[tuple[str, list[tuple[str, list[Cell]]]]]:
    """For each cut of the users, a row for each segment."""
    cuts: dict[str, np.ndarray] = {"activity": _thirds(study.report.activity), **study.segments}
    cold = study.report.cold
    if cold.any() and not cold.all():
        cuts["history"] = np.where(cold, "2. nothing is known of them", "1. known from before")
    tables = []
    for name, labels in cuts.items():
        rows = []
        for label, found in study.report.by(labels).items():
            size = sum(one == label for one in labels.tolist())
            values = [Cell(_share(found[m][study.metric])) for m in study.report.models]
            rows.append((f"{label} ({size:,} users)", values))
        tables.append((f"{study.metric} by {name} of the users", sorted(rows)))
    groups, found = [], study.report.metrics
    for group, says in {"head": "popular", "tail": "rare", "cold": "not in train"}.items():
        name = f"recall_{group}@{study.k}"
        cells = [Cell(_share(found[model][name])) for model in study.report.models]
        groups.append((says, cells))
    tables.append((f"recall@{study.k} by popularity of the items", groups))
    return tables


def _thirds(activity: np.ndarray) -> np.ndarray:
    """Names for the users with the shortest, middle and longest histories."""
    first, second = np.quantile(activity, [1 / 3, 2 / 3], method="lower")
    names = np.array(
        [f"1. up to {first} events", f"2. up to {second} events", f"3. over {second} events"]
    )
    return np.asarray(names[(activity > first).astype(int) + (activity > second)])


def _costs(study: Study) -> list[tuple[str, list[Cell]]]:
    users, rows = len(study.report.users), []
    for model in study.report.models:
        cost = study.costs.get(model)
        asked = f"{study.report.seconds[model] / users * 1000:.3g}"
        trained = [Cell(""), Cell(""), Cell("")]
        if cost is not None:
            peak = "not told" if cost.peak_bytes is None else f"{cost.peak_bytes / 2**20:,.0f}"
            trained = [Cell(f"{cost.seconds:,.1f}"), Cell(f"{cost.cpu_seconds:,.1f}"), Cell(peak)]
        rows.append((model, [*trained, Cell(asked)]))
    return rows


def _tuned(study: Study) -> list[tuple[str, list[Cell]]]:
    return [
        (
            model,
            [
                Cell(str(one.trials)),
                Cell(str(one.pruned)),
                Cell(f"{one.seconds:,.0f}"),
                Cell("" if one.value is None else f"{one.value:.4f}"),
                Cell(", ".join(f"{n} = {_number(v)}" for n, v in one.options.items())),
            ],
        )
        for model, one in study.tuned.items()
    ]


def _facts(counts: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = {
        "head": "share of the items that make up 80 % of the events",
        "repeats": "share of the events that repeat a user and item",
    }
    return [
        (named.get(name, name.replace("_", " ")), _fact(name, value))
        for name, value in counts.items()
    ]


def _fact(name: str, value: Any) -> str:
    if name.endswith("_time") and isinstance(value, int) and _FIRST < value < _LAST:
        moment = datetime.datetime.fromtimestamp(value, datetime.UTC)
        return f"{moment:%Y-%m-%d %H:%M} UTC"
    return _number(value)


def _number(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _share(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.4f}"


def _figures(study: Study) -> dict[str, str]:
    """The figures by name, in the order of the page."""
    report, k, found = study.report, study.k, study.report.metrics
    values = {model: found[model][study.metric] for model in report.models}
    sure = study.intervals
    rows = [Interval(model, values[model], *sure[model]) for model in report.models]
    figures = {"intervals": intervals(f"{study.metric}, with 95 % intervals", study.metric, rows)}
    for metric in dict.fromkeys([study.metric.split("@")[0], "recall"]):
        series = [
            Series(model, report.ks, [found[model][f"{metric}@{cut}"] for cut in report.ks])
            for model in report.models
        ]
        figures[f"{metric}-by-k"] = lines(f"{metric} by k", "k", metric, series, x_ticks="values")
    spread = "diversity" if f"diversity@{k}" in found[report.models[0]] else "coverage"
    points = [
        Series(model, [found[model][f"{spread}@{k}"]], [values[model]]) for model in report.models
    ]
    figures["relevance-diversity"] = scatter(
        f"Relevance and {spread}", f"{spread}@{k}", study.metric, points
    )
    tail = list(zip(*study.facts.tail, strict=True))
    figures["long-tail"] = lines(
        "The long tail", "share of the items", "share of the events", [Series("", *tail)]
    )
    if study.facts.times:
        times, events = zip(*study.facts.times, strict=True)
        dates = all(_FIRST < time < _LAST for time in times)
        shown = [_year(time) for time in times] if dates else times
        name = "year" if dates else "time"
        figures["over-time"] = lines(
            "Events over time", name, "events", [Series("", shown, events)]
        )
    return figures


def _year(seconds: float) -> float:
    """The year of a moment, with its days as the fraction."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.year + (moment.timetuple().tm_yday - 1) / 366
