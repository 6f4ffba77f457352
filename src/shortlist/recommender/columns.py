"""Feature specs chosen from the columns of a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from shortlist.errors import ConfigError, SchemaError, nearest
from shortlist.features import Categorical, Hashed, MultiCategorical, Numeric, Spec, Text

__all__ = ["KINDS", "specs_of"]

KINDS: dict[str, Callable[[str], Spec]] = {
    "categorical": Categorical,
    "multi": MultiCategorical,
    "numeric": lambda column: Numeric(column, transform="standardize"),
    "log": lambda column: Numeric(column, transform="log"),
    "bucketize": lambda column: Numeric(column, transform="bucketize"),
    "hashed": lambda column: Hashed(column, buckets=1024),
    "text": lambda column: Text(column, buckets=4096),
}

# A column with more distinct values than this share of its rows is a name rather than a feature:
# nothing can be learned of a value that is met once.
_TOO_DISTINCT = 0.5


def specs_of(
    frame: pl.DataFrame | None,
    key: str,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> list[Spec]:
    """Choose a spec for each of ``columns`` of ``frame``, or for every usable one.

    Texts and integers that repeat are categories, lists are multi-valued, floating-point numbers
    and integers with many values are put into buckets at their quantiles. Columns in which most
    values are different (titles, postcodes) are left out unless named.

    Args:
        frame: the attributes of users or items; None has none.
        key: the id column, which is left out.
        columns: the columns to use; None chooses.
        kinds: column -> one of `KINDS`, where the choice is to be another.

    Raises:
        SchemaError: a column is not in the frame, or its type has no spec.
        ConfigError: a kind is unknown.
    """
    kinds = dict(kinds or {})
    if frame is None:
        return []
    known = [name for name in frame.columns if name != key]
    for name in columns or ():
        if name not in known:
            raise SchemaError(
                f"The feature column {name!r} is not in the file, which has {known}."
                f"{nearest(name, known)}"
            )
    specs = []
    for name in known if columns is None else columns:
        kind = kinds.get(name) or _kind(frame[name], named=columns is not None)
        if kind is None:
            continue
        if kind not in KINDS:
            raise ConfigError(
                f"The kind of column {name!r} expected one of {sorted(KINDS)}; received {kind!r}."
                f"{nearest(kind, KINDS)}"
            )
        specs.append(KINDS[kind](name))
    return specs


def _kind(column: pl.Series, *, named: bool) -> str | None:
    """The kind of spec for ``column``, or None for one that says nothing."""
    dtype = column.dtype
    if isinstance(dtype, pl.List):
        return (
            "multi" if dtype.inner in (pl.String, pl.Binary) or dtype.inner.is_integer() else None
        )
    distinct = column.n_unique()
    if dtype.is_float() or (dtype.is_integer() and distinct > 50):
        return "bucketize"
    if dtype in (pl.String, pl.Categorical, pl.Boolean) or dtype.is_integer():
        usable = 1 < distinct <= max(2, _TOO_DISTINCT * len(column))
        return "categorical" if usable or named else None
    if not named:
        return None
    raise SchemaError(
        f"The feature column {column.name!r} has the type {dtype}, which no kind of feature reads. "
        f"Expected text, numbers, booleans or lists of them."
    )
