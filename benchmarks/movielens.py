"""MovieLens-100K by the protocols of RecBole and of recommenders, beside their best figures."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.comparison import Line
from benchmarks.processes import interleave
from benchmarks.settings import Settings

__all__ = ["run"]

# The protocol, the peer, its figures, and what is to be reached.
_CASES = {
    "RecBole": ("BPR", {"recall@10": (0.2368, 0.245), "ndcg@10": (0.2768, 0.29)}),
    "recommenders": ("BiVAE", {"ndcg@10": (0.4751, 0.4751)}),
}


def run(settings: Settings) -> Iterator[Line]:
    """EASE and iALS, whose penalty is chosen on a part of train, on several random splits."""
    for protocol, (peer, figures) in _CASES.items():
        for model in ("EASE", "IALS"):
            case = f"{protocol}, {model}"
            if not settings.wants(case):
                continue
            told = {"protocol": protocol, "model": model, "seeds": settings.count(3)}
            side = settings.ours(case, "movielens_protocols.py", settings.backends[0], **told)
            measured = interleave([side], settings.cores[-1], rounds=1, warmups=0)[case]
            for metric, (theirs, bar) in figures.items():
                values = measured.found[metric]
                yield Line(
                    "movielens",
                    f"{case}, {metric}",
                    statistics.fmean(values),
                    f"{protocol}'s {peer}",
                    theirs,
                    metric,
                    at_least=bar if model == "EASE" else None,
                    details={"by_seed": values, "penalties": measured.found["penalties"]},
                    versions={"ours": measured.versions},
                )
