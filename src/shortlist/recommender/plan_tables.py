"""The tables of the model that a configuration describes, without making the model.

What is here mirrors `shortlist.models.TwoTower`; a test makes that model and compares.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shortlist.data.ingestion.counting import count_ids
from shortlist.data.sources import read_source
from shortlist.errors import ConfigError, SchemaError, nearest
from shortlist.features import FeatureInfo
from shortlist.recommender import source, splitting
from shortlist.recommender.config import Config, DataConfig
from shortlist.recommender.encoders import Encoders, catalogue
from shortlist.recommender.fit import serving_length

__all__ = ["Sizes", "TableSize", "sizes_of"]

Features = Mapping[str, FeatureInfo]


@dataclass(frozen=True)
class TableSize:
    """One table of vectors.

    Attributes:
        name: as the model calls it.
        rows, dim: its shape.
        lookups: how many of its rows an example of a batch reads.
    """

    name: str
    rows: int
    dim: int
    lookups: int


@dataclass(frozen=True)
class Sizes:
    """What a training step holds and moves, in numbers of rows.

    Attributes:
        tables: every table.
        dense: how many other weights there are.
        batch_size: the examples a step.
        dim: the length of a query's or a candidate's vector, bias included.
        history: whether a mask of the items met before is made, ``[batch_size, batch_size]``.
    """

    tables: tuple[TableSize, ...]
    dense: int
    batch_size: int
    dim: int
    history: bool


def sizes_of(
    config: Config, users: int | None = None, items: int | None = None, *, stream: bool = False
) -> Sizes:
    """Count the training part of the data as `train` does, or take the numbers that are given.

    Args:
        config: the training job.
        users: how many users to plan for, in place of those of the data.
        items: how many items. Where both are given the data is not read, and attributes of users
            and items, whose tables are small, are left out.
        stream: count users and items in all of the data, block by block, where it is larger than
            memory; attributes are left out as well.

    Raises:
        ShortlistError: the data cannot be had or used.
        ConfigError: a number is not positive, or data that is no Parquet file is to be streamed.
    """
    for name, given in (("users", users), ("items", items)):
        if given is not None and given < 1:
            raise ConfigError(f"{name} expected a whole number from 1 up; received {given!r}.")
    batch_size = config.retrieval.batch_size
    if stream and (users is None or items is None):
        counted = _streamed(config.data)
        users = counted["user"] if users is None else users
        items = counted["item"] if items is None else items
    if users is not None and items is not None:
        query, candidate = _without_attributes(config)
    else:
        data = source.load(config.data)
        train = splitting.split(data, config.split).train
        # As `fit_retriever` does: a batch is never larger than the data.
        batch_size = min(batch_size, len(train))
        encoders = Encoders.fit(
            train,
            data.users,
            catalogue(train, data.items),
            config.features,
            serving_length(config.features),
        )
        query, candidate = encoders.query.describe(), encoders.candidate.describe()
    planned = {"user": users, "item": items}
    query, candidate = (_resized(side, planned) for side in (query, candidate))
    dim = config.retrieval.embedding_dim
    history = {"history": config.features.history_length}
    tables = (
        *_tables("query_tower", query, dim, history),
        *_tables("candidate_tower", candidate, dim, {}),
        TableSize("candidate_bias", candidate["item"].size or 0, 1, 1),
    )
    dense = sum(info.dim or 1 for s in (query, candidate) for info in s.values() if _dense(info))
    return Sizes(tables, dense * dim, batch_size, dim + 1, history=True)


def _streamed(config: DataConfig) -> dict[str, int]:
    """How many users and items all events have, and how many items the item file adds."""
    if config.interactions is None:
        raise ConfigError(
            f"Data is streamed from Parquet files that [data] names with `interactions`; received "
            f"dataset = {config.dataset!r}. Count it in memory."
        )
    known = {}
    if config.items is not None:
        items = read_source(config.items)
        if config.item not in items.columns:
            raise SchemaError(
                f"{config.items} expected a column {config.item!r} with the items' ids; it has "
                f"{items.columns}.{nearest(config.item, items.columns)}"
            )
        known = {config.item: items[config.item]}
    counts = count_ids(config.interactions, [config.user, config.item], known=known)
    return {"user": counts[config.user], "item": counts[config.item]}


def _without_attributes(config: Config) -> tuple[Features, Features]:
    length = config.features.history_length
    query = {"history": FeatureInfo("multi", 1, length, vocabulary="item")}
    if config.features.user_id:
        query["user"] = FeatureInfo("categorical", 1, vocabulary="user")
    return query, {"item": FeatureInfo("categorical", 1, vocabulary="item")}


def _resized(features: Features, planned: Mapping[str, int | None]) -> dict[str, FeatureInfo]:
    """The features with the planned numbers of ids; code 0 has a row of its own."""
    return {
        name: dataclasses.replace(info, size=count + 1)
        if (count := planned.get(info.vocabulary or "")) is not None
        else info
        for name, info in features.items()
    }


def _tables(
    tower: str, features: Features, dim: int, lengths: Mapping[str, int]
) -> Iterator[TableSize]:
    for name, info in features.items():
        if not _dense(info):
            lookups = lengths.get(name, info.length or 1)
            yield TableSize(f"{tower}/{name}_embedding", info.size or 0, dim, lookups)


def _dense(info: FeatureInfo) -> bool:
    return info.kind in ("numeric", "vector")
