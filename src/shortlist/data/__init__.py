"""What happened: interactions, their splits, histories and batches. No training framework here."""

from __future__ import annotations

from shortlist.data import splits
from shortlist.data.interactions import Interactions, UserItems
from shortlist.data.splits import LeakWarning, Split

__all__ = ["Interactions", "LeakWarning", "Split", "UserItems", "splits"]
