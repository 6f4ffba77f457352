"""Recommender systems: from interactions to a short list a person will like.

    interactions -> features -> towers -> index -> ranking -> post-ranking -> bundle

Names are loaded when they are first used, so ``import shortlist`` loads no training framework.
"""

from __future__ import annotations

import importlib
from typing import Any

from shortlist._version import __version__

_EXPORTS: dict[str, str] = {
    "Config": "shortlist.recommender",
    "Encoder": "shortlist.features",
    "Exact": "shortlist.index",
    "Interactions": "shortlist.data",
    "Job": "shortlist.recommender",
    "Model": "shortlist.models",
    "Pipeline": "shortlist.postranking",
    "Popularity": "shortlist.baselines",
    "Queries": "shortlist.queries",
    "Ranked": "shortlist.ranked",
    "Ranker": "shortlist.models",
    "Recommender": "shortlist.recommender",
    "TwoTower": "shortlist.models",
    "Vocabulary": "shortlist.features",
    "evaluate": "shortlist.evaluation",
}
_PACKAGES: tuple[str, ...] = (
    "baselines",
    "bundle",
    "comparison",
    "data",
    "datasets",
    "errors",
    "evaluation",
    "features",
    "index",
    "inference",
    "layers",
    "losses",
    "metrics",
    "models",
    "postranking",
    "ranking",
    "recommender",
    "report",
    "serving",
    "tasks",
    "testing",
    "tfrs",
    "training",
)

__all__ = ["__version__", *_PACKAGES, *_EXPORTS]  # noqa: PLE0604 - all of them are texts


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        value = getattr(importlib.import_module(_EXPORTS[name]), name)
    elif name in _PACKAGES:
        value = importlib.import_module(f"shortlist.{name}")
    else:
        raise AttributeError(f"module 'shortlist' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
