"""Losses: pure functions of embeddings or scores."""

from __future__ import annotations

from shortlist import _backend as _backend  # isort: skip
from shortlist.losses.softmax import sampled_softmax

__all__ = ["sampled_softmax"]
