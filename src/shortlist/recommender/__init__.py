"""From interactions to a saved recommender, and from a user to a short list."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shortlist.recommender.answers import Explanation, Recommendations
    from shortlist.recommender.batch import recommend_all
    from shortlist.recommender.config import Config
    from shortlist.recommender.formula import FormulaReranker, ScoreFormula
    from shortlist.recommender.job import Job, Stage, Trained
    from shortlist.recommender.models import NotExportedWarning
    from shortlist.recommender.pipeline import Recommender
    from shortlist.recommender.retrieval import TowerRetriever
    from shortlist.recommender.users import UserStore

# Loaded when first used: the command line reads a configuration before it needs anything else.
_EXPORTS = {
    "Config": "config",
    "Explanation": "answers",
    "FormulaReranker": "formula",
    "Job": "job",
    "NotExportedWarning": "models",
    "Recommendations": "answers",
    "Recommender": "pipeline",
    "ScoreFormula": "formula",
    "Stage": "job",
    "TowerRetriever": "retrieval",
    "Trained": "job",
    "UserStore": "users",
    "recommend_all": "batch",
}

__all__ = [
    "Config",
    "Explanation",
    "FormulaReranker",
    "Job",
    "NotExportedWarning",
    "Recommendations",
    "Recommender",
    "ScoreFormula",
    "Stage",
    "TowerRetriever",
    "Trained",
    "UserStore",
    "recommend_all",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'shortlist.recommender' has no attribute {name!r}")
    return getattr(importlib.import_module(f"shortlist.recommender.{_EXPORTS[name]}"), name)
