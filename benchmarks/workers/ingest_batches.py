"""Shuffled batches of what was ingested, or of the Parquet files themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import limit_memory, serve


def make(
    files: list[str], codes: list[str], values: list[str], out: str, megabytes: int, mapped: bool
) -> Callable[[], Any]:
    """An epoch; the maps are written beforehand."""
    limit_memory(megabytes)
    from shortlist.data import Batches, ParquetTable, Table, ingest

    table: Table = ParquetTable(files, columns=[*codes, *values])
    if mapped:
        table = ingest(files, out, codes=codes, values=values)

    def run() -> dict[str, Any]:
        return {"rows": sum(len(batch["user"]) for batch in Batches(table, 8_192, seed=0))}

    return run


serve(make)
