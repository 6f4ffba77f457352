"""What happened: interactions, their splits, histories and batches. No training framework here."""

from __future__ import annotations

from shortlist.data.interactions import Interactions, UserItems

__all__ = ["Interactions", "UserItems"]
