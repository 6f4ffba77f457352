"""Plain polars: whole frames in memory, or its streaming engine in two passes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import limit_memory, serve


def make(
    files: list[str],
    codes: list[str],
    values: list[str],
    out: str,
    megabytes: int,
    streaming: bool,
) -> Callable[[], Any]:
    """The same codes and columns; streaming writes Parquet, for it cannot write arrays."""
    limit_memory(megabytes)
    import numpy as np
    import polars as pl

    def streamed() -> None:
        lazy = pl.scan_parquet(files)
        coded = lazy.select(*codes, *values)
        for name in codes:
            ids = lazy.select(name).unique(maintain_order=True).collect(engine="streaming")
            places = ids.with_row_index(f"{name}_code", offset=1).lazy()
            coded = coded.join(places, on=name, how="left", maintain_order="left").drop(name)
            ids.write_parquet(f"{out}/{name}_ids.parquet")
        coded.sink_parquet(f"{out}/columns.parquet")

    def whole() -> None:
        frame = pl.read_parquet(files, columns=[*codes, *values])
        for name in codes:
            ids = frame.select(name).unique(maintain_order=True)
            places = ids.with_row_index("code", offset=1)
            coded = frame.select(name).join(places, on=name, how="left", maintain_order="left")
            np.save(f"{out}/{name}.npy", coded["code"].to_numpy().astype(np.int32))
            ids.write_parquet(f"{out}/{name}_ids.parquet")
        for name in values:
            np.save(f"{out}/{name}.npy", frame[name].to_numpy())

    def run() -> dict[str, Any]:
        shutil.rmtree(out, ignore_errors=True)
        Path(out).mkdir()
        streamed() if streaming else whole()
        bytes_ = sum(path.stat().st_size for path in Path(out).iterdir())
        return {"bytes": bytes_}

    return run


serve(make)
