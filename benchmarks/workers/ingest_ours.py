"""`shortlist.data.ingest`: Parquet files to codes and numbers in memory maps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import limit_memory, serve


def make(
    files: list[str], codes: list[str], values: list[str], out: str, megabytes: int
) -> Callable[[], Any]:
    """A pass into a new folder."""
    limit_memory(megabytes)
    from shortlist.data import ingest

    def run() -> dict[str, Any]:
        shutil.rmtree(out, ignore_errors=True)
        found = ingest(files, out, codes=codes, values=values)
        bytes_ = sum(path.stat().st_size for path in Path(out).rglob("*") if path.is_file())
        sums = [int(found.columns[name][-1_000:].astype("int64").sum()) for name in codes]
        return {"rows": len(found), "sizes": found.sizes, "bytes": bytes_, "sums": sums}

    return run


serve(make)
