"""Queries as the columns that the query side's encoder reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from shortlist.queries import Queries

__all__ = ["history_column", "query_columns"]

# Up to so many rows Python's lists are faster than a vectorised plan: requests to a server.
_FEW = 64


def query_columns(queries: Queries) -> dict[str, pl.Series]:
    """``user``, ``history`` and the columns of ``queries.features``, a row a query."""
    users = queries.users
    # Among objects, such as None for somebody without a name, polars has to look for the type.
    named = pl.Series("user", users.tolist() if users.dtype == object else users)
    columns = {"user": named, "history": history_column(queries.history)}
    if queries.features is not None:
        columns = {**{c.name: c for c in queries.features.get_columns()}, **columns}
    return columns


def history_column(rows: Sequence[np.ndarray]) -> pl.Series:
    """Lists of item ids as one column; empty lists take the type of the others."""
    filled = [np.asarray(row) for row in rows if len(row)]
    if not filled:
        return pl.Series("history", [[] for _ in rows], dtype=pl.List(pl.Null))
    flat = pl.Series("history", np.concatenate(filled))
    if len(rows) <= _FEW:
        lists = [np.asarray(row).tolist() for row in rows]
        return pl.Series("history", lists, dtype=pl.List(flat.dtype))
    lengths = np.array([len(row) for row in rows])
    owners = np.repeat(np.arange(len(rows)), lengths)
    grouped = pl.DataFrame({"row": owners, "history": flat}).group_by("row", maintain_order=True)
    every = pl.DataFrame({"row": np.arange(len(rows))})
    joined = every.join(grouped.agg("history"), on="row", how="left", maintain_order="left")
    return joined["history"].fill_null([])
