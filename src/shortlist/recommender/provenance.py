"""Where a bundle comes from: a fingerprint of its data, and the libraries that made it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import sys

import numpy as np
import polars as pl

from shortlist._version import __version__

__all__ = ["fingerprint", "libraries"]

_LIBRARIES = (
    "numpy",
    "polars",
    "safetensors",
    "keras",
    "jax",
    "tensorflow",
    "torch",
    "onnx",
    "onnxruntime",
)


def fingerprint(frame: pl.DataFrame) -> str:
    """A SHA-256 of the values, types and names of a frame's columns, the same on any machine.

    The order of the rows counts, that of the columns does not.

    >>> one = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    >>> fingerprint(one) == fingerprint(one.select("b", "a"))
    True
    >>> fingerprint(one) == fingerprint(one.reverse())
    False
    """
    digest = hashlib.sha256(f"{frame.height}".encode())
    for name in sorted(frame.columns):
        digest.update(f"\0{name}\0{frame[name].dtype}\0".encode())
        digest.update(_content(frame[name]))
    return digest.hexdigest()


def _content(column: pl.Series) -> bytes:
    missing = column.is_null().to_numpy().tobytes() if column.null_count() else b""
    if column.dtype.is_integer() or column.dtype.is_float():
        values = np.ascontiguousarray(column.fill_null(0).to_numpy())
        return missing + values.astype(values.dtype.newbyteorder("<")).tobytes()
    # With lengths, so that no two columns of text run together alike.
    texts = [b"" if value is None else str(value).encode() for value in column.to_list()]
    return missing + np.array([*map(len, texts)], dtype="<i8").tobytes() + b"".join(texts)


def libraries() -> dict[str, str]:
    """The versions of Python, of this library and of those installed that it works with.

    The training frameworks count only where they are loaded.
    """
    found = {"python": platform.python_version(), "shortlist": __version__}
    for name in _LIBRARIES:
        if name in ("keras", "jax", "tensorflow", "torch") and name not in sys.modules:
            continue
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
