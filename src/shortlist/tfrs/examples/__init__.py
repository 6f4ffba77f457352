"""What the tutorials of TensorFlow Recommenders call."""

from __future__ import annotations

from shortlist.tfrs.examples import movielens

__all__ = ["movielens"]
