"""A comparison on disk: the page, what it says for machines, and every user's values."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shortlist.bundle import Draft, write_folder
from shortlist.evaluation import Report
from shortlist.report import Study, html

__all__ = ["summary", "write_comparison"]


def write_comparison(path: Path, study: Study, about: Mapping[str, Any]) -> None:
    """Write ``report.html``, ``comparison.json`` and ``per_user.json``, all of them or none.

    Raises:
        BundleError: the folder cannot be written.
    """
    page, found = html(study), {**summary(study), **about}

    def write(draft: Draft) -> None:
        draft.file("report.html").write_text(page, encoding="utf-8")
        draft.write_json("comparison.json", _plain(found))
        with draft.file("per_user.json").open("w", encoding="utf-8") as out:
            out.writelines(_per_user(study.report))

    write_folder(path, write, kind="comparison")


def summary(study: Study) -> dict[str, Any]:
    """Everything but the values of each user and the lists, by names that JSON can hold."""
    report = study.report
    return {
        "metric": study.metric,
        "facts": study.facts.counts,
        "evaluation": report.to_dict(),
        "intervals": {name: list(ends) for name, ends in study.intervals.items()},
        "comparisons": [dataclasses.asdict(c) for c in study.comparisons],
        "tuned": {name: dataclasses.asdict(one) for name, one in study.tuned.items()},
        "costs": {name: dataclasses.asdict(one) for name, one in study.costs.items()},
        "left_out": dict(study.left_out),
        "seeds": {name: list(one.values) for name, one in study.spreads.items()},
    }


def _per_user(report: Report) -> Iterator[str]:
    """A JSON object in parts, an array at a time: of many users it is too large to hold twice."""
    yield f'{{"users":{_text(report.users.tolist())}'
    if report.rounds is not None:
        yield f',"rounds":{_text(report.rounds.tolist())}'
    yield f',"activity":{_text(report.activity.tolist())},"metrics":{{'
    for number, (model, mine) in enumerate(report.per_user.items()):
        yield f"{',' if number else ''}{_text(model)}:{{"
        for place, (name, values) in enumerate(mine.items()):
            yield f"{',' if place else ''}{_text(name)}:{_text(values.tolist())}"
        yield "}"
    yield "}}\n"


def _text(value: Any) -> str:
    return json.dumps(_plain(value), allow_nan=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """``value`` of nothing but what JSON has; what is no number becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
