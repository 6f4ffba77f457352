"""What the conformance suites draw and check."""

from __future__ import annotations

import numpy as np

from shortlist.ranked import Ranked

__all__ = ["check_form", "draw_ids", "small_integers"]


def small_integers(rows: int, dim: int, seed: int = 0) -> np.ndarray:
    """Vectors whose inner products float32 holds exactly, and which therefore often tie."""
    return np.random.default_rng(seed).integers(-3, 4, (rows, dim)).astype(np.float32)


def check_form(ranked: Ranked, batch: int, k: int) -> None:
    """Raise an AssertionError unless what is true of every result is true of this one."""
    assert ranked.ids.shape == (batch, k)
    assert (np.diff(ranked.valid.astype(int), axis=1) <= 0).all(), "valid places come first"
    for row in ranked:
        scores = [score for _, score in row]
        assert scores == sorted(scores, reverse=True)
        assert len({item for item, _ in row}) == len(row), "no item comes twice"


def draw_ids(draw: np.random.Generator, rows: int, size: int) -> np.ndarray:
    """Ids of which some are in the index, some twice and some not at all."""
    return draw.integers(80, 120 + rows, size)
