"""100 million interactions from Parquet to codes in memory maps, under a limit of 2 GB."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import data
from benchmarks.comparison import Line
from benchmarks.environments import peers_folder
from benchmarks.processes import Measured, Side, WorkerError, interleave
from benchmarks.settings import Settings, on

__all__ = ["run"]

_MEGABYTES = 2_000
_FILE = 1_000_000
_UNIT = "M rows/s of CPU"
_BAR = 2.0
_BAR_ROWS = 100_000_000
_NO_MEMORY = re.compile("memory|alloc", re.IGNORECASE)
_VALUES = ["time", "rating"]


def run(settings: Settings) -> Iterator[Line]:
    """Integer ids, then text; ours, and what plain pandas and polars do within the same limit.

    The files are made once, in the folder on the command line or in the cache, and stay there.
    What the sides write is removed at once. A tenth of the rows is what all sides have room for.
    """
    most = 200_000 if settings.quick else 100_000_000
    cores = settings.cores[-1]
    for kind, rows in (("integer", most), ("text", most // 5)):
        # Text takes five times as long to make, and says the same with fewer rows.
        for count in (rows, rows // 10):
            case = f"{count / 1e6:g}M rows, {kind} ids, {on(cores)}"
            if settings.wants(case):
                told = _told(settings, rows, count, kind)
                yield from _lines(settings, case, told, count, cores)
    case = f"{most / 1e7:g}M rows, shuffled batches of 8,192, {on(cores)}"
    if settings.wants(case):
        told = _told(settings, most, most // 10, "integer")
        yield from _batches(settings, case, told, cores)


def _told(settings: Settings, rows: int, count: int, kind: str) -> dict[str, Any]:
    """What the workers are told: ``count`` of the ``rows`` that are there."""
    size = min(_FILE, rows // 10)
    place = settings.folder if settings.quick else settings.data or peers_folder()
    folder = _files(place / f"ingest-{kind}-{rows}", rows, size, kind)
    return {
        "files": sorted(map(str, folder.glob("*.parquet")))[: count // size],
        "codes": ["user", "item"],
        "values": _VALUES,
        "out": str(folder.with_name(f"{folder.name}-out")),
        "megabytes": _MEGABYTES,
    }


def _lines(
    settings: Settings, case: str, told: dict[str, Any], rows: int, cores: tuple[int, ...]
) -> Iterator[Line]:
    ours = _measured(Side("ours", "ingest_ours.py", told), settings, cores)
    if isinstance(ours, str):
        raise WorkerError(ours)
    speed, versions = rows / ours.cpu / 1e6, {"ours": ours.versions}
    details = {"ours_wall": ours.wall, "ours_peak_mb": ours.peak, **ours.found}
    bar = _BAR if rows >= _BAR_ROWS else None
    yield Line(
        "ingest", case, speed, "bar", _BAR, _UNIT, at_least=bar, details=details, versions=versions
    )
    yield Line("ingest", f"{case}, peak", ours.peak, "limit", _MEGABYTES, "MB", below=_MEGABYTES)
    for side in (
        Side("polars, streaming", "ingest_polars.py", {**told, "streaming": True}),
        Side("polars", "ingest_polars.py", {**told, "streaming": False}),
        Side("pandas", "ingest_pandas.py", told),
    ):
        theirs = _measured(side, settings, cores)
        if isinstance(theirs, str):
            print(f"  {case}: {side.name} ended: {theirs}", file=sys.stderr)
            ended = details | {"ended": theirs}
            yield Line("ingest", case, speed, f"{side.name} (ended)", 0.0, _UNIT, details=ended)
            continue
        both = details | {"theirs_wall": theirs.wall, "theirs_peak_mb": theirs.peak}
        yield Line(
            "ingest",
            case,
            speed,
            side.name,
            rows / theirs.cpu / 1e6,
            _UNIT,
            details=both | {"theirs_bytes": theirs.found["bytes"]},
            versions=versions | {"theirs": theirs.versions},
        )


def _batches(
    settings: Settings, case: str, told: dict[str, Any], cores: tuple[int, ...]
) -> Iterator[Line]:
    """An epoch from the maps, beside one that decodes the Parquet files as it goes."""
    found = {}
    for name in ("maps", "parquet"):
        side = Side(name, "ingest_batches.py", {**told, "mapped": name == "maps"})
        measured = _measured(side, settings, cores)
        if isinstance(measured, str):
            raise WorkerError(measured)
        found[name] = measured
    speeds = {name: one.found["rows"] / one.cpu / 1e6 for name, one in found.items()}
    yield Line(
        "ingest",
        case,
        speeds["maps"],
        "ParquetTable",
        speeds["parquet"],
        _UNIT,
        details={
            "ours_wall": found["maps"].wall,
            "theirs_wall": found["parquet"].wall,
            "ours_peak_mb": found["maps"].peak,
            "theirs_peak_mb": found["parquet"].peak,
        },
    )


def _measured(side: Side, settings: Settings, cores: tuple[int, ...]) -> Measured | str:
    """The figures of one side, or why it ended."""
    out = Path(side.options["out"])
    try:
        return interleave([side], cores, settings.count(1), warmups=0)[side.name]
    except WorkerError as error:
        said = str(error).strip().splitlines()
        return next((line for line in said if _NO_MEMORY.search(line)), said[-1])
    finally:
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(out.with_name(f"{out.name}.part"), ignore_errors=True)


def _files(folder: Path, rows: int, size: int, kind: str) -> Path:
    """Files of ``size`` rows: ten million users, a million items, times and ratings."""
    done = folder / "done"
    if not done.exists():
        print(f"Writing {rows:,} rows to {folder}, once ...", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(rows // size):
            _events(size, number, kind).write_parquet(folder / f"{number:04d}.parquet")
        done.touch()
    return folder


def _events(rows: int, seed: int, kind: str) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    # The most active users are met ten thousand times as often as most.
    users = (10_000_000 * draw.random(rows) ** 2).astype(np.int64)
    columns: dict[str, Any] = {
        "user": (users * 2654435761) % 2**40,
        "item": data.zipf_codes(rows, 1_000_000, seed),
        "time": 1_600_000_000 + draw.integers(0, 10**8, rows),
        "rating": draw.integers(1, 6, rows).astype(np.float32),
    }
    frame = pl.DataFrame(columns)
    if kind == "integer":
        return frame
    return frame.with_columns(pl.format("user-{}", "user"), pl.format("item-{}", "item"))
