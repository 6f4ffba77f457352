"""The examples that all sides of ``rank-train`` read, and what their models have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DIM = 16
HIDDEN = (256, 128)
BOTTOM = (64,)
CROSSES = 2
RATE = 0.01


def columns(folder: str) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Codes ``c0`` ... by name, numbers ``n0`` ... by name, and labels."""
    import numpy as np

    codes, numbers = (np.load(Path(folder) / f"{name}.npy") for name in ("codes", "numbers"))
    return (
        {f"c{i}": np.ascontiguousarray(codes[:, i]) for i in range(codes.shape[1])},
        {f"n{i}": np.ascontiguousarray(numbers[:, i]) for i in range(numbers.shape[1])},
        np.load(Path(folder) / "labels.npy"),
    )
