"""`Model`, the base class of trainable recommenders, and ready-made models."""

from __future__ import annotations

from shortlist import _backend as _backend  # isort: skip
from shortlist.models.base import Model
from shortlist.models.interaction_ranking import InteractionRanking
from shortlist.models.ranker import Ranker
from shortlist.models.rankers import (
    DIN,
    DLRM,
    AutoInt,
    DCNv2,
    DeepFM,
    FinalMLP,
    FMRanker,
    LogisticRegression,
    MaskNet,
    MultiTaskRanker,
)
from shortlist.models.rating import RatedItems, RatingFactors, RatingModel
from shortlist.models.two_tower import TwoTower

__all__ = [
    "DIN",
    "DLRM",
    "AutoInt",
    "DCNv2",
    "DeepFM",
    "FMRanker",
    "FinalMLP",
    "InteractionRanking",
    "LogisticRegression",
    "MaskNet",
    "Model",
    "MultiTaskRanker",
    "Ranker",
    "RatedItems",
    "RatingFactors",
    "RatingModel",
    "TwoTower",
]
