"""The honest company every model is reported in.

Each is fitted on interactions and then called like any retriever::

    Popularity().fit(train)(queries, k=10)       # -> Ranked
"""

from __future__ import annotations

from shortlist.baselines.ease import EASE
from shortlist.baselines.item_knn import ItemKNN
from shortlist.baselines.popularity import Popularity

__all__ = ["EASE", "ItemKNN", "Popularity"]
