"""Ready-made rankers; `shortlist.ranking` makes them by name.

    features --tables--> vectors, numbers --what the paper says--> score

    LogisticRegression  a weight a code
    FM                  and a product of vectors a pair
    DeepFM              and an MLP
    DLRM                products of vectors, then an MLP
    DCNv2               crosses of bounded degree and an MLP
    AutoInt             attention among the features, beside an MLP
    MaskNet             products with masks that the example decides on
    FinalMLP            two gated MLPs that meet in a bilinear form
    DIN                 an MLP that sees what of the history matters for the candidate
    MultiTaskRanker     experts that several tasks share, and an MLP for each task

All share the constructor, losses and input checks of `shortlist.models.Ranker`, the plain MLP.
"""

from __future__ import annotations

from shortlist.models.rankers.autoint import AutoInt
from shortlist.models.rankers.dcn_v2 import DCNv2
from shortlist.models.rankers.din import DIN
from shortlist.models.rankers.dlrm import DLRM
from shortlist.models.rankers.final_mlp import FinalMLP
from shortlist.models.rankers.fm import DeepFM, FMRanker
from shortlist.models.rankers.logistic_regression import LogisticRegression
from shortlist.models.rankers.mask_net import MaskNet
from shortlist.models.rankers.multi_task import MultiTaskRanker

__all__ = [
    "DIN",
    "DLRM",
    "AutoInt",
    "DCNv2",
    "DeepFM",
    "FMRanker",
    "FinalMLP",
    "LogisticRegression",
    "MaskNet",
    "MultiTaskRanker",
]
