"""Queries as the frame that the query side's encoder reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from shortlist.queries import Queries

__all__ = ["history_column", "query_frame"]


def query_frame(queries: Queries) -> pl.DataFrame:
    """One row a query: ``user``, ``history`` and the columns of ``queries.features``."""
    users = queries.users
    # Among objects, such as None for somebody without a name, polars has to look for the type.
    named = pl.Series(users.tolist() if users.dtype == object else users)
    frame = pl.DataFrame({"user": named, "history": history_column(queries.history)})
    if queries.features is None:
        return frame
    extra = [name for name in queries.features.columns if name not in frame.columns]
    return frame.hstack(queries.features.select(extra))


def history_column(rows: Sequence[np.ndarray]) -> pl.Series:
    """Lists of item ids as one column; empty lists take the type of the others."""
    filled = [np.asarray(row) for row in rows if len(row)]
    if not filled:
        return pl.Series("history", [[] for _ in rows], dtype=pl.List(pl.Null))
    lengths = np.array([len(row) for row in rows])
    flat = pl.Series("history", np.concatenate(filled))
    owners = np.repeat(np.arange(len(rows)), lengths)
    lists = pl.DataFrame({"row": owners, "history": flat}).group_by("row", maintain_order=True)
    every = pl.DataFrame({"row": np.arange(len(rows))})
    joined = every.join(lists.agg("history"), on="row", how="left", maintain_order="left")
    return joined["history"].fill_null([])
