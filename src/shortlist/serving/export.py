"""Events and impressions as Parquet, to train on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from shortlist.errors import DataError
from shortlist.serving.state import StateStore

__all__ = ["export_events", "export_impressions"]

_ROWS = 100_000
_EVENT = {"type": pl.String, "time": pl.Float64, "value": pl.Float64, "request": pl.String}
_SHOWN = {"position": pl.Int64, "time": pl.Float64, "propensity": pl.Float64, "request": pl.String}


def export_events(store: StateStore, path: Path, *, after: int = 0) -> tuple[int, int]:
    """Write the events into a Parquet file that `Interactions` and ``shortlist train`` read.

    Its columns are ``user``, ``item``, ``time`` (seconds since 1970), ``type``, ``value``,
    ``request``, ``key`` and ``context`` (JSON).

    Args:
        store: the state.
        path: the file; it appears when all of it is written.
        after: only events with a higher number, to go on where the last export ended.

    Returns:
        How many events were written, and the number of the last.

    Raises:
        DataError: ids of users or of items are whole numbers and texts mixed.
    """
    last = after

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal last
        for number, event in store.events(after):
            last = number
            yield {
                "user": event.user,
                "item": event.item,
                "time": event.time,
                "type": event.type,
                "value": event.value,
                "request": event.request,
                "key": event.key,
                "context": json.dumps(dict(event.context)),
            }

    written = _write(rows(), {**_EVENT, "key": pl.String, "context": pl.String}, path)
    return written, last


def export_impressions(store: StateStore, path: Path) -> int:
    """Write the impressions into a Parquet file; how many.

    Its columns are ``user``, ``item``, ``position`` (from 1), ``time``, ``propensity`` and
    ``request``.

    Raises:
        DataError: as for `export_events`.
    """
    rows = (
        {
            "user": shown.user,
            "item": shown.item,
            "position": shown.position,
            "time": shown.time,
            "propensity": shown.propensity,
            "request": shown.request,
        }
        for shown in store.impressions()
    )
    return _write(rows, _SHOWN, path)


def _write(rows: Iterable[Mapping[str, Any]], schema: Mapping[str, Any], path: Path) -> int:
    """Write ``rows`` through a file beside ``path``, which appears when all is written."""
    iterator, parts, kinds = iter(rows), [], _Kinds()
    while part := list(islice(iterator, _ROWS)):
        parts.append(_frame(part, schema, kinds))
    frame = pl.concat(parts) if parts else _frame([], schema, kinds)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.tmp")
    try:
        frame.write_parquet(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return frame.height


class _Kinds(dict[str, Any]):
    """The type of each column of ids, which the first id decides."""

    def of(self, name: str, ids: Iterable[Any]) -> Any:
        """The type of the column ``name``, whose next ids are ``ids``."""
        for value in ids:
            kind = pl.String if isinstance(value, str) else pl.Int64
            if value is not None and self.setdefault(name, kind) != kind:
                raise DataError(
                    f"Expected {name} ids of one kind; the state holds whole numbers and texts, "
                    f"such as {value!r}. It was used with bundles that do not go together; export "
                    "from a state of each."
                )
        return self.get(name, pl.Int64)


def _frame(rows: list[Mapping[str, Any]], schema: Mapping[str, Any], kinds: _Kinds) -> pl.DataFrame:
    ids = {name: kinds.of(name, (row[name] for row in rows)) for name in ("user", "item")}
    return pl.DataFrame(rows, schema={**ids, **schema}, orient="row")
