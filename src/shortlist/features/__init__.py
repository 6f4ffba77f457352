"""Columns to codes and numbers, fitted once on training data and the same at serving."""

from __future__ import annotations

from shortlist.features.vocabulary import Vocabulary

__all__ = ["Vocabulary"]
