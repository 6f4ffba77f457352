"""The honest company every model is reported in.

Each is fitted on interactions and then called like any retriever::

    Popularity().fit(train)(queries, k=10)       # -> Ranked
"""

from __future__ import annotations

from shortlist.baselines.bpr import BPR
from shortlist.baselines.content_knn import ContentKNN
from shortlist.baselines.ease import EASE
from shortlist.baselines.gfcf import GFCF
from shortlist.baselines.ials import IALS
from shortlist.baselines.item_knn import ItemKNN
from shortlist.baselines.popularity import Popularity

__all__ = ["BPR", "EASE", "GFCF", "IALS", "ContentKNN", "ItemKNN", "Popularity"]
