"""Keras layers that recommenders are made of."""

from __future__ import annotations

from shortlist import _backend as _backend  # isort: skip
from shortlist.layers.cross import Cross
from shortlist.layers.embedding import Embedding
from shortlist.layers.history import HistoryPooling
from shortlist.layers.rowwise_adagrad import RowwiseAdagrad

__all__ = ["Cross", "Embedding", "HistoryPooling", "RowwiseAdagrad"]
