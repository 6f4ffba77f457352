"""Vectors and ids in a bundle: safetensors, mapped into memory when read, and Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.errors import BundleError, DataError
from shortlist.ids import as_ids

__all__ = ["read_config", "read_ids", "read_items", "write_ids", "write_items"]

_KINDS = {int: pl.Int64, str: pl.String, bytes: pl.Binary}


def write_items(
    draft: Draft, vectors: np.ndarray, ids: np.ndarray, attributes: pl.DataFrame | None = None
) -> None:
    """Write ``vectors`` ``[N, D]``, their ids and, where there are any, their attributes."""
    draft.write_arrays("vectors.safetensors", {"vectors": vectors})
    write_ids(draft, ids)
    if attributes is not None:
        draft.write_table("attributes.parquet", attributes)


def write_ids(draft: Draft, ids: np.ndarray, numbers: np.ndarray | None = None) -> None:
    """Write ids and, where they are given, the number of each."""
    table = pl.DataFrame({"id": _series(ids)})
    draft.write_table(
        "ids.parquet", table if numbers is None else table.with_columns(number=numbers)
    )


def read_ids(folder: Folder) -> tuple[np.ndarray, np.ndarray]:
    """Ids and the number of each."""
    table = folder.read_table("ids.parquet")
    try:
        return _ids(table["id"]), table["number"].cast(pl.Int64).to_numpy()
    except pl.exceptions.PolarsError as error:
        raise BundleError(f"{folder.path} has no ids and numbers: {error}.") from error


def read_config(folder: Folder, engine: str) -> dict[str, Any]:
    """What is said of the engine, if it is the right one."""
    config = folder.read_json("index.json")
    if not isinstance(config, dict) or config.get("engine") != engine:
        raise BundleError(
            f"{folder.path} expected an index of the engine {engine!r}; it holds {config!r}. "
            "Load it with the class that wrote it."
        )
    return config


def read_items(folder: Folder) -> tuple[np.ndarray, np.ndarray, pl.DataFrame | None]:
    """The vectors ``[N, D]``, read-only and still on disk, their ids and their attributes."""
    vectors = _mapped(folder.file("vectors.safetensors"), "vectors")
    column = folder.read_table("ids.parquet")["id"]
    ids = _ids(column)
    if len(ids) != len(vectors):
        raise BundleError(f"{folder.path} holds {len(vectors)} vectors but {len(ids)} ids.")
    if "attributes.parquet" not in folder:
        return vectors, ids, None
    table = folder.read_table("attributes.parquet")
    if table.height != len(ids):
        raise BundleError(f"{folder.path} holds {len(ids)} ids but {table.height} attributes.")
    return vectors, ids, table


def _ids(column: pl.Series) -> np.ndarray:
    """The ids as `as_ids` makes them, of many strings in much less time."""
    if column.dtype.is_integer():
        return np.array(column)
    # NumPy strings drop null characters at their end, so such ids have to stay Python strings.
    if column.dtype == pl.String and len(column) and not column.str.ends_with("\0").any():
        # As one long string, whose code points are what NumPy keeps, padded with nulls as it does.
        longest = max(1, int(column.str.len_chars().to_numpy().max()))
        joined = column.str.pad_end(longest, "\0").str.join("").item()
        return np.frombuffer(joined.encode("utf-32-le"), f"<U{longest}").astype(f"U{longest}")
    return as_ids(column.to_list())


def _series(ids: np.ndarray) -> pl.Series:
    if ids.dtype.kind in "iu":
        return pl.Series(ids)
    kinds = {type(value) for value in ids.tolist()} or {int}
    if len(kinds) == 1 and kinds <= _KINDS.keys():
        return pl.Series(ids.tolist(), dtype=_KINDS[kinds.pop()])
    raise DataError(
        "Expected ids that are all integers, all strings or all bytes, since an index with others "
        f"cannot be saved; received {sorted(kind.__name__ for kind in kinds)}."
    )


def _mapped(path: Path, name: str) -> np.ndarray:
    """One float32 array of a safetensors file without reading it into memory."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            entry = json.loads(file.read(length))[name]
        if entry["dtype"] != "F32":
            raise ValueError(f"{name!r} has dtype {entry['dtype']}, expected F32")
        offset = 8 + length + entry["data_offsets"][0]
        shape = tuple(entry["shape"])
        # Nothing cannot be mapped.
        mapped = np.memmap(path, np.float32, "r", offset, shape) if shape[0] else np.empty(shape)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{path} is not a safetensors file of vectors: {error}.") from error
    return np.asarray(mapped, dtype=np.float32)
