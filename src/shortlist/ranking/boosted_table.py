"""The features of a ranker as the one table that LightGBM reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shortlist.errors import DataError, SchemaError, nearest
from shortlist.features import FeatureInfo

__all__ = ["category_columns", "refuse_unknown", "table_of"]

# A feature of several codes becomes a column a code, if there are no more than these.
_MOST_COLUMNS = 256


def table_of(
    infos: Mapping[str, FeatureInfo], features: Mapping[str, Any]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """The columns ``[N, C]``, float32, and the leading shape that the features had.

    Raises:
        SchemaError: a feature is missing.
        DataError: a number is NaN or infinite.
    """
    parts: list[np.ndarray] = []
    lead: tuple[int, ...] = ()
    for name, info in infos.items():
        if name not in features:
            raise SchemaError(
                f"The ranker expected the feature {name!r} in its input; received "
                f"{sorted(features)}.{nearest(name, features)}"
            )
        values = np.asarray(features[name])
        own = info.kind in ("multi", "vector")
        lead = values.shape[: values.ndim - own]
        flat = values.reshape(int(np.prod(lead)), *values.shape[values.ndim - own :])
        if info.kind == "multi":
            flat = _indicators(flat, info.size or 0)
        elif info.kind != "categorical":
            _refuse_nan(name, flat)
        parts.append(flat.astype(np.float32).reshape(len(flat), flat.shape[1] if own else 1))
    return np.concatenate(parts, axis=1), lead


def refuse_unknown(
    infos: Mapping[str, FeatureInfo], features: Mapping[str, Any], label: str
) -> None:
    """Raise the error for a feature that a ranker was not made for.

    Raises:
        SchemaError: naming the feature.
    """
    for name in features:
        if name not in (*infos, label, "sample_weight"):
            raise SchemaError(
                f"The ranker received the feature {name!r}, which it was not made for; it knows "
                f"{[*infos]}.{nearest(name, infos)} Leave it out, or fit the Encoder and the "
                "ranker with it."
            )


def category_columns(infos: Mapping[str, FeatureInfo]) -> list[int]:
    """The numbers of the columns that are categories."""
    found, place = [], 0
    for info in infos.values():
        if info.kind == "categorical":
            found.append(place)
        size = info.size or 0
        several = size - 1 if size <= _MOST_COLUMNS else 1
        place += {"multi": several, "vector": info.dim or 1}.get(info.kind, 1)
    return found


def _refuse_nan(name: str, values: np.ndarray) -> None:
    good = np.isfinite(values)
    if not good.all():
        row = int(np.argwhere(~good)[0, 0])
        raise DataError(
            f"The ranker expected finite numbers in the feature {name!r}; row {row} has "
            f"{np.ravel(values[row])[:3].tolist()}. Encoder.transform fills what is missing "
            "with the training mean: encode the column with it, or fill it."
        )


def _indicators(codes: np.ndarray, size: int) -> np.ndarray:
    """A column for each code but 0; for very many codes, how many a row has."""
    if size > _MOST_COLUMNS:
        return (codes != 0).sum(axis=1, keepdims=True)
    found = np.zeros((len(codes), size), dtype=np.float32)
    np.put_along_axis(found, codes.astype(np.int64), 1.0, axis=1)
    return found[:, 1:]
