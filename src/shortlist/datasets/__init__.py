"""Data sets, one file a source."""

from __future__ import annotations

from shortlist.datasets.dataset import Dataset
from shortlist.datasets.movielens import movielens
from shortlist.datasets.synthetic import Synthetic, synthetic

__all__ = ["Dataset", "Synthetic", "movielens", "synthetic"]
