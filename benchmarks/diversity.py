"""What MMR and DPP do to relevance and diversity on MovieLens-100K, by their parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.comparison import Line
from benchmarks.processes import interleave
from benchmarks.settings import Settings

__all__ = ["run"]

# Diversity is to rise by a fifth for less than a fiftieth of the NDCG.
_DIVERSITY, _NDCG = 1.2, 0.98
# What a choice must keep of the NDCG of the users it is made on: more, as others are reported.
_CAREFUL = 0.99


def run(settings: Settings) -> Iterator[Line]:
    """A line for each parameter; bars on the one chosen on the other half of the users."""
    for backend in settings.backends[:1]:
        told = {"epochs": 1} if settings.quick else {}
        ours = settings.ours("ours", "diversity_movielens.py", backend, **told)
        measured = interleave([ours], settings.cores[-1], rounds=1, warmups=0)["ours"]
        for method in ("mmr", "dpp"):
            rows = [row for row in measured.found["rows"] if row["method"] == method]
            chosen = _chosen(rows)
            for row in rows:
                for metric, bar in (("ndcg", _NDCG), ("diversity", _DIVERSITY)):
                    yield Line(
                        "diversity",
                        f"{method}, trade_off {row['trade_off']:g}, {metric}",
                        row["reported"][metric],
                        "as retrieved",
                        1.0,
                        f"{metric}@10, relative",
                        at_least=bar if row is chosen else None,
                        details={"on_choosing_users": row["chosen on"][metric]},
                        versions={"ours": measured.versions},
                    )


def _chosen(rows: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The parameter of most diversity among those that keep the NDCG of the choosing users."""
    kept = [row for row in rows if row["chosen on"]["ndcg"] >= _CAREFUL]
    return max(kept or rows, key=lambda row: row["chosen on"]["diversity"])
