"""The entries of a sparse matrix, in the order of its rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Entries(NamedTuple):
    """A matrix ``[R, C]`` of ``P`` entries.

    Attributes:
        rows: ``[P]`` integers, ascending.
        columns: ``[P]`` integers.
        values: ``[P]`` float32.
        shape: ``(R, C)``.
    """

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(
        cls, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, shape: tuple[int, int]
    ) -> Entries:
        """The matrix of entries in any order; those of one place add up."""
        order = np.argsort(rows, kind="stable")
        return cls(rows[order], columns[order], values[order].astype(np.float32), shape)

    @property
    def T(self) -> Entries:  # noqa: N802 - as NumPy calls it
        """The transpose."""
        return Entries.of(self.columns, self.rows, self.values, self.shape[::-1])

    @property
    def starts(self) -> np.ndarray:
        """``[R + 1]``, where each row's entries begin; the last is their number."""
        return np.searchsorted(self.rows, np.arange(self.shape[0] + 1))
