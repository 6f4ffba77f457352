"""What is asked of a `Recommender`, checked and made into `Queries`, conditions and filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, DataError, SchemaError, nearest
from shortlist.ids import as_ids
from shortlist.queries import Queries
from shortlist.recommender.catalogue import Catalogue
from shortlist.recommender.retrieval import TowerRetriever
from shortlist.recommender.users import UserStore, alike

__all__ = ["FeaturesOf", "Where", "allowed", "asked", "overlaid", "towers", "with_vectors"]

#: Attributes of the users asked for: one mapping for all, or one (or None) for each.
FeaturesOf = Mapping[str, Any] | Sequence[Mapping[str, Any] | None]
#: A condition on the items: one for all users, or one (or None) for each.
Where = str | Sequence[str | None]


def asked(
    store: UserStore,
    retriever: Any,
    users: Sequence[Any] | np.ndarray,
    history: Sequence[Sequence[Any]] | None,
    features: FeaturesOf | None,
    exclude: Sequence[Sequence[Any]] | None,
    exclude_seen: bool,
) -> tuple[Queries, np.ndarray]:
    """The queries of `Recommender.recommend`, and which of them state a feature."""
    ids = as_ids(users)
    _check_rows(len(ids), history=history, exclude=exclude)
    past = store.history(ids)
    if history is not None:
        past = [_appended(stored, latest) for stored, latest in zip(past, history, strict=True)]
    hidden = past if exclude_seen else [row[:0] for row in past]
    if exclude is not None:
        hidden = [_appended(row, more) for row, more in zip(hidden, exclude, strict=True)]
    attributes, told = store.features(ids), np.zeros(len(ids), dtype=bool)
    if features is not None:
        known = _query_columns(towers(retriever, "features", "that reads them, such as two towers"))
        attributes, told = overlaid(attributes, features, len(ids), known)
    return Queries(ids, past, attributes, hidden), told


def towers(retriever: Any, what: str, needs: str = "with two towers") -> TowerRetriever:
    """The retriever, if it has two towers.

    Raises:
        ConfigError: it has not; ``what`` asked for one that ``needs`` describes.
    """
    if isinstance(retriever, TowerRetriever):
        return retriever
    raise ConfigError(
        f"{what} expected a retriever {needs}; this recommender retrieves with "
        f"{type(retriever).__name__}."
    )


def with_vectors(retriever: Any, what: str) -> Any:
    """The retriever, if it has item vectors.

    Raises:
        ConfigError: it has not; ``what`` asked for them.
    """
    if hasattr(retriever, "vectors"):
        return retriever
    raise ConfigError(
        f"{what} expected a retriever with item vectors, such as two towers; this recommender "
        f"retrieves with {type(retriever).__name__}."
    )


def _query_columns(retriever: TowerRetriever) -> list[str]:
    """The attributes of a user that the model reads."""
    columns = dict.fromkeys(spec.column for spec in retriever.encoder.specs)
    return [name for name in columns if name not in ("user", "history")]


def _check_rows(count: int, **given: Any) -> None:
    """Raise `DataError` unless each of ``given`` is None or has one entry a user."""
    for name, rows in given.items():
        if rows is not None and len(rows) != count:
            raise DataError(
                f"{name} expected one list for each of the {count} users; received {len(rows)}."
            )


def _appended(stored: np.ndarray, latest: Sequence[Any]) -> np.ndarray:
    """A user's items followed by further ones.

    Raises:
        DataError: they are ids of another kind.
    """
    if not len(latest):
        return stored
    added = np.asarray(latest)
    if not alike(stored, added):
        raise DataError(
            f"Item ids expected the kind of those in training, such as {stored.tolist()[0]!r}; "
            f"received {added.tolist()[0]!r}."
        )
    return np.concatenate([stored, added]) if len(stored) else added


def overlaid(
    base: pl.DataFrame | None, given: FeaturesOf, count: int, known: Iterable[str]
) -> tuple[pl.DataFrame, np.ndarray]:
    """The users' attributes with those that a request states in place of the stored ones.

    Args:
        base: the stored attributes, one row a user, or None.
        given: see `FeaturesOf`.
        count: the number of users.
        known: the columns that the query side reads.

    Returns:
        A frame of ``count`` rows with all of ``known``, and which rows were told something.

    Raises:
        SchemaError: a column is not among ``known``.
        DataError: not one mapping a user, or a value does not fit its column.
    """
    rows = [given] * count if isinstance(given, Mapping) else list(given)
    _check_rows(count, features=rows)
    columns = list(known)
    for name in dict.fromkeys(name for row in rows for name in row or ()):
        if name not in columns:
            raise SchemaError(
                f"There is no feature {name!r} of a query; the model reads {columns}."
                f"{nearest(name, columns)}"
            )
    told = np.array([any(v is not None for v in (row or {}).values()) for row in rows], dtype=bool)
    return pl.DataFrame([_column(base, rows, name) for name in columns]), told


def _column(
    base: pl.DataFrame | None, rows: Sequence[Mapping[str, Any] | None], name: str
) -> pl.Series:
    stored = None if base is None or name not in base.columns else base[name]
    before = [None] * len(rows) if stored is None else stored.to_list()
    values = [(row or {}).get(name, old) for row, old in zip(rows, before, strict=True)]
    try:
        return pl.Series(name, values, dtype=None if stored is None else stored.dtype, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"The feature {name!r} of a query does not fit: {reason}.") from None


def allowed(
    catalogue: Catalogue,
    count: int,
    where: Where | None,
    allow: Sequence[Sequence[Any]] | np.ndarray | None,
) -> Sequence[np.ndarray] | np.ndarray | None:
    """The ids that may be shown: one flat array for all users, a list for each, or None for any.

    Raises:
        ConfigError, SchemaError: a condition cannot be read or names no column.
        DataError: not one condition, or one list, a user.
    """
    flat = isinstance(allow, np.ndarray) and allow.ndim == 1
    if not flat:
        _check_rows(count, allow=allow)
    if where is None:
        return allow  # type: ignore[return-value]
    if isinstance(where, str):
        found = catalogue.matching(where)
        if allow is None:
            return found
        if flat:
            return _both(found, allow)
        return [_both(found, ids) for ids in allow]
    _check_rows(count, where=where)
    every = catalogue.ids.to_numpy()
    conditions = [every if one is None else catalogue.matching(_text(one)) for one in where]
    if allow is None:
        return conditions
    lists = [allow] * count if flat else allow
    return [_both(one, ids) for one, ids in zip(conditions, lists, strict=True)]


def _both(found: np.ndarray, ids: Any) -> np.ndarray:
    wanted = set(as_ids(ids).tolist())
    return found[np.array([i in wanted for i in found.tolist()], dtype=bool)]


def _text(where: Any) -> str:
    if not isinstance(where, str):
        raise ConfigError(f"where expected a condition as text, or None; received {where!r}.")
    return where
