"""pandas: whole frames in memory, `factorize`, arrays on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import limit_memory, serve


def make(
    files: list[str], codes: list[str], values: list[str], out: str, megabytes: int
) -> Callable[[], Any]:
    """The same codes and columns."""
    limit_memory(megabytes)
    import numpy as np
    import pandas as pd

    def run() -> dict[str, Any]:
        shutil.rmtree(out, ignore_errors=True)
        Path(out).mkdir()
        frame = pd.concat(
            [pd.read_parquet(file, columns=[*codes, *values]) for file in files], ignore_index=True
        )
        for name in codes:
            found, ids = pd.factorize(frame[name])
            np.save(f"{out}/{name}.npy", (found + 1).astype(np.int32))
            pd.DataFrame({"id": ids}).to_parquet(f"{out}/{name}_ids.parquet")
        for name in values:
            np.save(f"{out}/{name}.npy", frame[name].to_numpy())
        bytes_ = sum(path.stat().st_size for path in Path(out).iterdir())
        return {"bytes": bytes_}

    return run


serve(make)
