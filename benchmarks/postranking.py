"""Milliseconds of each post-ranker, 500 candidates to 50, and what batching users saves."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison import Line
from benchmarks.processes import interleave
from benchmarks.settings import Settings

__all__ = ["run"]

# Milliseconds for one user on one core; methods that are not here have no bar.
_BARS = {"MMR": 1.0, "DPP, window 10": 1.0, "AttributeCap": 0.3, "Rules": 0.3}
# One call for all users against a Python loop over them.
_BATCH = 0.2


def run(settings: Settings) -> Iterator[Line]:
    """For each method: one user, beside the published algorithm, and many users, beside a loop."""
    users = 20 if settings.quick else 1000
    told = {"users": users, "repeats": 3 if settings.quick else 40}
    ours = settings.ours("ours", "postranking.py", settings.backends[0], **told)
    measured = interleave([ours], settings.cores[0], rounds=1, warmups=0)["ours"]
    published = measured.found["published"]
    versions = {"ours": measured.versions}
    for name, times in measured.found.items():
        if name == "published":
            continue
        yield Line(
            "postranking",
            f"{name}, one user",
            times["one"],
            "published loop" if name in published else "bar" if name in _BARS else "itself",
            published.get(name, _BARS.get(name, times["one"])),
            "ms of CPU",
            below=_BARS.get(name),
            versions=versions,
        )
        yield Line(
            "postranking",
            f"{name}, {users} users in one call",
            times["batch"] / users,
            "loop",
            times["loop"] / users,
            "ms of CPU a user",
            at_most=_BATCH,
            versions=versions,
        )
