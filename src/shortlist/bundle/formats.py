"""The file formats of a bundle: strict JSON, safetensors arrays and Parquet tables.

Each is read and written here and nowhere else. None of them can hold code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl
import safetensors
import safetensors.numpy

from shortlist.errors import BundleError

__all__ = [
    "ArrayPlace",
    "array_places",
    "decode_json",
    "encode_json",
    "map_array",
    "read_arrays",
    "read_table",
    "write_arrays",
    "write_table",
]


def encode_json(value: Any, name: str | Path) -> bytes:
    """UTF-8 JSON of ``value``; NaN, infinities and keys that are not strings are refused.

    >>> print(encode_json({"k": "é"}, "x.json").decode("utf-8"), end="")
    {
      "k": "é"
    }
    """
    try:
        _check_keys(value, name)
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, indent=2)
        return (text + "\n").encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BundleError(
            f"{name}: expected what JSON can hold (dicts with string keys, lists, strings, finite "
            f"numbers, true, false, null): {error}."
        ) from error


def decode_json(data: bytes, name: str | Path) -> Any:
    """The value of UTF-8 JSON; NaN, infinities and repeated keys are refused."""
    try:
        return json.loads(
            data.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique_keys
        )
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} is not valid JSON: {error}.") from error


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named numeric or boolean arrays of any shape as one safetensors file."""
    for key, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise BundleError(
                f"{path.name}: array {key!r} has dtype {array.dtype}; expected integers, floats "
                "or booleans. Write ids and strings as a table."
            )
    # The format stores plain memory, so views with strides are laid out first.
    dense = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    # The library makes a file that only its owner can read; as others are made is as this one is.
    path.touch()
    mode = path.stat().st_mode
    try:
        safetensors.numpy.save_file(
            {key: dense[key].reshape(arrays[key].shape) for key in arrays}, path
        )
        path.chmod(mode)
    except safetensors.SafetensorError as error:
        raise BundleError(f"{path.name} could not be written: {error}.") from error


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The named arrays of a safetensors file."""
    try:
        return safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{path} is not a valid safetensors file: {error}.") from error


@dataclass(frozen=True)
class ArrayPlace:
    """Where in a safetensors file an array lies: its ``dtype`` there, shape, and bytes."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int


def array_places(path: Path) -> dict[str, ArrayPlace]:
    """Where each array of a safetensors file lies, by name; no array is read."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        header.pop("__metadata__", None)
        return {
            name: ArrayPlace(
                entry["dtype"],
                tuple(entry["shape"]),
                8 + size + entry["data_offsets"][0],
                entry["data_offsets"][1] - entry["data_offsets"][0],
            )
            for name, entry in header.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise BundleError(f"{path} is not a valid safetensors file: {error}.") from error


def map_array(path: Path, name: str) -> np.ndarray:
    """One float32 array of a safetensors file, read-only and not read into memory.

    Raises:
        BundleError: there is none of that name, or it is not float32.
    """
    place = array_places(path).get(name)
    if place is None or place.dtype != "F32":
        raise BundleError(f"{path} expected a float32 array {name!r}; found {place}.")
    if not place.length:  # nothing cannot be mapped
        return np.empty(place.shape, dtype=np.float32)
    try:
        return np.asarray(np.memmap(path, np.float32, "r", place.offset, place.shape))
    except ValueError as error:
        raise BundleError(f"{path} is shorter than it says: {error}.") from error


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Write a frame as Parquet; columns keep their types, so integers stay integers."""
    try:
        with path.open("wb") as file:
            table.write_parquet(file)
    except pl.exceptions.PolarsError as error:
        raise BundleError(f"{path.name} could not be written: {error}.") from error


def read_table(path: Path) -> pl.DataFrame:
    """The frame in a Parquet file."""
    try:
        # An open file, because a path is a pattern to polars and may hold '*' or '['.
        with path.open("rb") as file:
            return pl.read_parquet(file)
    except pl.exceptions.PolarsError as error:
        raise BundleError(f"{path} is not a valid Parquet file: {error}.") from error


def _check_keys(value: Any, name: str | Path) -> None:
    # json.dumps would turn 1 and None into "1" and "null" in silence, and they would come back so.
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise BundleError(f"{name}: JSON keys must be strings; received {key!r}.")
            _check_keys(item, name)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_keys(item, name)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
