"""Lists of codes of any length, made into one rectangle."""

from __future__ import annotations

from typing import Literal

import numpy as np

__all__ = ["Keep", "pad"]

Keep = Literal["last", "first"]


def pad(codes: np.ndarray, lengths: np.ndarray, length: int, keep: Keep = "last") -> np.ndarray:
    """Lay out lists of codes as rows, in their order, with zeros at the end.

    Zeros among the codes (unknown ids) are left out first, so that in each row the codes come
    first and the padding last, and what is unknown takes no place from what is known.

    Args:
        codes: ``[T]`` int32, the lists one after the other.
        lengths: ``[N]``, how many of the codes belong to each row.
        length: ``L``, the places in a row.
        keep: which codes stay where a row has more than ``L``.

    Returns:
        ``[N, L]`` int32.

    >>> pad(np.array([3, 0, 4, 5, 6]), np.array([3, 0, 2]), 2).tolist()
    [[3, 4], [0, 0], [5, 6]]
    """
    n = len(lengths)
    rows = np.repeat(np.arange(n), lengths)
    known = codes != 0
    codes, rows = codes[known], rows[known]
    counts = np.bincount(rows, minlength=n)
    starts = np.cumsum(counts) - counts
    if keep == "last":
        starts = starts + np.maximum(counts - length, 0)
    places = np.arange(len(rows)) - starts[rows]
    fits = (places >= 0) & (places < length)
    padded = np.zeros((n, length), dtype=np.int32)
    padded[rows[fits], places[fits]] = codes[fits]
    return padded
