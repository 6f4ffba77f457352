"""The data a configuration names, as a `Dataset`."""

from __future__ import annotations

import polars as pl

from shortlist.data import Interactions
from shortlist.data.sources import read_source
from shortlist.datasets import Dataset, movielens, synthetic
from shortlist.errors import ConfigError, SchemaError, nearest
from shortlist.recommender.config import DataConfig

__all__ = ["load"]

_MOVIELENS = [f"movielens-{size}" for size in ("100k", "1m", "20m", "25m", "32m", "latest-small")]


def load(config: DataConfig) -> Dataset:
    """Read a named data set, or the user's own files.

    Raises:
        ConfigError: the data set is unknown.
        SchemaError: a file lacks a column that is named.
        DataError, DownloadError: the data cannot be had or used.
    """
    if config.dataset is None:
        return _own_files(config)
    if config.dataset == "synthetic":
        return synthetic()
    if config.dataset not in _MOVIELENS:
        known = [*_MOVIELENS, "synthetic"]
        raise ConfigError(
            f"`dataset` in [data] expected one of {known}; received {config.dataset!r}."
            f"{nearest(config.dataset, known)}"
        )
    return movielens(config.dataset.removeprefix("movielens-"), path=config.path)


def _own_files(config: DataConfig) -> Dataset:
    interactions = Interactions(
        config.interactions,
        user=config.user,
        item=config.item,
        time=config.time,
        rating=config.rating,
        weight=config.weight,
        duplicates=config.duplicates,
    )
    users = _attributes(config.users, config.user, "user", interactions)
    items = _attributes(config.items, config.item, "item", interactions)
    return Dataset(
        name=str(config.interactions),
        interactions=interactions,
        users=pl.DataFrame({"user": interactions.users}) if users is None else users,
        items=pl.DataFrame({"item": interactions.items}) if items is None else items,
        source=str(config.interactions),
    )


def _attributes(
    path: str | None, column: str, name: str, interactions: Interactions
) -> pl.DataFrame | None:
    """The attributes of users or items, one row each, under the id column ``name``."""
    if path is None:
        return None
    frame = read_source(path)
    if column not in frame.columns:
        raise SchemaError(
            f"{path} expected a column {column!r} with the {name}s' ids, as the interactions have; "
            f"it has {frame.columns}.{nearest(column, frame.columns)}"
        )
    frame = frame.rename({column: name})
    expected, found = interactions.frame[name].dtype, frame[name].dtype
    if expected != found and not (expected.is_integer() and found.is_integer()):
        raise SchemaError(
            f"The ids in column {column!r} of {path} expected the type of those in the "
            f"interactions, {expected}; found {found}. Make the two the same."
        )
    frame = frame.with_columns(pl.col(name).cast(expected))
    repeated = frame[name].is_duplicated()
    if repeated.any():
        raise SchemaError(
            f"{path} expected one row for each {name}; {frame[name].filter(repeated)[0]!r} has "
            "more than one. Keep one of them."
        )
    return frame
