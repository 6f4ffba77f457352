"""What happened: interactions, their splits, histories and batches. No training framework here."""

from __future__ import annotations

from shortlist.data import splits
from shortlist.data.histories import Histories, HistoryColumn, pad_histories
from shortlist.data.interactions import Interactions, UserItems
from shortlist.data.splits import LeakWarning, Split

__all__ = [
    "Histories",
    "HistoryColumn",
    "Interactions",
    "LeakWarning",
    "Split",
    "UserItems",
    "pad_histories",
    "splits",
]
