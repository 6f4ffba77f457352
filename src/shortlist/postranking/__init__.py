"""The last stage decides what a person sees: rankings in, better rankings out.

    pipeline = Pipeline([Seen(), MMR(trade_off=0.7), AttributeCap(column="genres", at_most=3)])
    shown = pipeline(pool, Context(queries, k=10, items=items, vectors=vectors)).top(10)

Every step is a `PostRanker` and passes `shortlist.testing.PostRankerTests`.
"""

from __future__ import annotations

from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.postranking.boosts import AuthorDecay, Fatigue, Freshness, PopularityDamping
from shortlist.postranking.calibration import Calibrated
from shortlist.postranking.calibrators import Isotonic, Platt, Temperature, combine
from shortlist.postranking.caps import AttributeCap
from shortlist.postranking.coverage import XQuAD
from shortlist.postranking.dpp import DPP
from shortlist.postranking.duplicates import NearDuplicate
from shortlist.postranking.exploration import EpsilonGreedy, PlackettLuce
from shortlist.postranking.filters import Blocked, Eligible, RecentlyServed, Seen
from shortlist.postranking.interleaving import interleave
from shortlist.postranking.items import ItemTable
from shortlist.postranking.mmr import MMR
from shortlist.postranking.pipeline import Pipeline
from shortlist.postranking.rules import Cap, Gap, Pin, Quota, Rules
from shortlist.postranking.ssd import SSD
from shortlist.postranking.thompson import BetaThompson, LinearThompson
from shortlist.postranking.trace import Trace

__all__ = [
    "DPP",
    "MMR",
    "SSD",
    "AttributeCap",
    "AuthorDecay",
    "BetaThompson",
    "Blocked",
    "Calibrated",
    "Cap",
    "Context",
    "Eligible",
    "EpsilonGreedy",
    "Fatigue",
    "Freshness",
    "Gap",
    "Isotonic",
    "ItemTable",
    "LinearThompson",
    "NearDuplicate",
    "Pin",
    "Pipeline",
    "PlackettLuce",
    "Platt",
    "PopularityDamping",
    "PostRanker",
    "Quota",
    "RecentlyServed",
    "Rules",
    "Seen",
    "Stage",
    "Temperature",
    "Trace",
    "XQuAD",
    "combine",
    "interleave",
]
