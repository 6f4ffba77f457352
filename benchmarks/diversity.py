"""What MMR and DPP do to relevance and diversity on MovieLens-100K, with a picture a method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.comparison import Line
from benchmarks.processes import interleave
from benchmarks.settings import Settings
from shortlist.report.figures import Series, lines

__all__ = ["run"]

# Diversity is to rise by a fifth for less than a fiftieth of the NDCG.
_BARS = {"diversity": 1.2, "ndcg": 0.98}
# The splits that a figure may be quoted of; on a random one the future has leaked into training.
_FAIR = ("by_time", "by_user_time")
_DRAWN = "by_user_time"
# For each picture its title, its parameter, and the diversity it is about.
_PICTURES = {
    "mmr": ("MMR", "trade_off", "diversity"),
    "dpp": ("DPP", "trade_off", "diversity"),
    "dpp_window": ("DPP, window 4", "trade_off", "diversity"),
    "ssd": ("SSD, window 4", "gamma", "diversity"),
    "xquad": ("XQuAD", "trade_off", "genres"),
    "calibrated": ("Calibrated", "trade_off", "genres"),
}
_AXES = {"diversity": "diversity of the vectors@10", "genres": "diversity of the genres@10"}


def run(settings: Settings) -> Iterator[Line]:
    """A line for each protocol and parameter, with bars on the parameter chosen by others."""
    ours = settings.ours(
        "ours",
        "diversity_movielens.py",
        settings.backends[0],
        protocols=[_DRAWN] if settings.quick else [*_FAIR, "random"],
        pictures=_DRAWN if settings.pictures else "",
        quick=settings.quick,
    )
    measured = interleave([ours], settings.cores[0], rounds=1, warmups=0)["ours"]
    if settings.pictures:
        settings.pictures.mkdir(parents=True, exist_ok=True)
        for drawn in measured.found["pictures"]:
            path = settings.pictures / f"postranking_{drawn['method']}.svg"
            path.write_text(_picture(drawn), encoding="utf-8")
    for case in measured.found["protocols"]:
        fair = case["protocol"] in _FAIR and not settings.quick
        for row in case["rows"]:
            for metric, bar in _BARS.items():
                yield Line(
                    "diversity",
                    f"{case['protocol']}, {row['method']} {_parameter(row)}, {metric}",
                    row[metric],
                    "as retrieved",
                    1.0,
                    f"{metric}@10, relative",
                    at_least=bar if fair and "chosen" in row else None,
                    details={
                        "low": row[f"{metric}_low"],
                        "high": row[f"{metric}_high"],
                        "genres": row["genres"],
                        "as_retrieved": case[metric],
                        "users": case["users"],
                    },
                    versions={"ours": measured.versions},
                )


def _parameter(row: Mapping[str, Any]) -> str:
    if "chosen" in row:
        return "chosen (" + " and ".join(f"{value:g}" for value in row["chosen"]) + ")"
    return f"{row['trade_off']:g}"


def _picture(drawn: Mapping[str, Any]) -> str:
    title, parameter, metric = _PICTURES[drawn["method"]]
    points = sorted(drawn["points"], key=lambda point: -point["value"])
    series = Series(
        "",
        [point["ndcg"] for point in points],
        [point[metric] for point in points],
        [f"{point['value']:g}" for point in points],
    )
    return lines(f"{title} by its {parameter}", "NDCG@10", _AXES[metric], [series])
