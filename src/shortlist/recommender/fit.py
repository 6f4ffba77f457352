"""Train the two-tower model of a `Recommender` on interactions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from shortlist.data import Batches, Histories, Interactions
from shortlist.index.opening import ENGINES
from shortlist.recommender.config import FeaturesConfig, RetrievalConfig
from shortlist.recommender.encoders import Encoders, users_frame
from shortlist.recommender.retrieval import TowerRetriever
from shortlist.recommender.weights import carry_over, load_keras, to_numpy

if TYPE_CHECKING:
    from shortlist.models import TwoTower

__all__ = ["fit_retriever", "serving_length", "training_columns"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Gathered:
    """A column for `Batches` whose row ``i`` is row ``places[i]`` of a smaller table."""

    table: np.ndarray
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The values of the events at ``rows``."""
        return self.table[self.places[rows]]


def training_columns(
    train: Interactions,
    users: pl.DataFrame | None,
    items: pl.DataFrame,
    encoders: Encoders,
    features: FeaturesConfig,
) -> dict[str, Any]:
    """The columns of a two-tower batch: users and items are encoded once, events point at them."""
    known, empty = users_frame(train, users, items)
    of_user = encoders.query.transform(known.with_columns(empty))
    seen = pl.DataFrame({"item": pl.Series(train.items)})
    of_item = encoders.candidate.transform(
        seen.join(items, on="item", how="left", maintain_order="left")
    )
    columns: dict[str, Any] = {
        name: Gathered(values, train.user_codes)
        for name, values in of_user.items()
        if name != "history"
    }
    columns |= {name: Gathered(values, train.item_codes) for name, values in of_item.items()}
    codes = of_item["item"][train.item_codes]
    histories = Histories(train, codes, mode=features.history)
    columns["history"] = histories.column(features.history_length)
    counts = np.bincount(train.item_codes, minlength=len(train.items))
    share = (counts / counts.sum()).astype(np.float32)
    columns["candidate_probability"] = Gathered(share, train.item_codes)
    if "weight" in train.frame.columns:
        columns["sample_weight"] = train.frame["weight"].to_numpy().astype(np.float32)
    return columns


def fit_retriever(
    train: Interactions,
    users: pl.DataFrame | None,
    items: pl.DataFrame,
    *,
    features: FeaturesConfig,
    retrieval: RetrievalConfig,
    seed: int = 0,
    start: TowerRetriever | None = None,
    on_progress: Progress | None = None,
) -> TowerRetriever:
    """Train two towers on ``train`` and put the catalogue ``items`` into an exact index.

    Args:
        train: the interactions to learn from.
        users: the users' attributes by ``user``, or None.
        items: the items' attributes by ``item``: the whole catalogue.
        features: what the towers read.
        retrieval: the model and how it is trained.
        seed: of the weights, the order of the batches and the dropout; with the same machine and
            backend the same seed gives the same model to the last bit.
        start: go on from this retriever, of Keras: it lends its encoders, grown by the new ids,
            and its weights; rows for new ids begin as in a new model.
        on_progress: called as ``on_progress(steps done, steps in all)``.
    """
    from shortlist.models import TwoTower  # noqa: PLC0415
    from shortlist.training import BatchDataset, set_seed  # noqa: PLC0415

    index = ENGINES[retrieval.index]()  # first, as its library may be missing
    keras = load_keras()
    set_seed(seed)
    if start is None:
        encoders = Encoders.fit(train, users, items, features, serving_length(features))
    else:
        known = Encoders(start.encoder, start.candidate_encoder)
        encoders = known.extended(train, users, items)
    columns = training_columns(train, users, items, encoders, features)
    batch_size = min(retrieval.batch_size, len(train))
    # One shape only: a backend compiles the step anew for every other, at the cost of many steps.
    batches = Batches(columns, batch_size, seed=seed, drop_remainder=True)
    model = TwoTower(
        encoders.query.describe(),
        encoders.candidate.describe(),
        embedding_dim=retrieval.embedding_dim,
        history="history",
        recency=features.history == "before",
        unknown_rate={"user": retrieval.unknown_user_rate} if features.user_id else None,
    )
    if start is not None:
        carry_over(start.model, model)
    steps = len(batches) * retrieval.epochs
    rate = keras.optimizers.schedules.CosineDecay(retrieval.learning_rate, steps, alpha=0.02)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=retrieval.weight_decay))
    callbacks = [] if on_progress is None else [_reporting(on_progress, steps)]
    model.fit(BatchDataset(batches), epochs=retrieval.epochs, verbose=0, callbacks=callbacks)
    _speak_for_new_items(model, encoders.candidate.vocabulary("item").encode(train.items))
    return TowerRetriever.of(model, encoders.query, encoders.candidate, items, index)


def _speak_for_new_items(model: TwoTower, met: np.ndarray) -> None:
    """Give an item without a code of its own what the items that were learned have on average.

    Nothing was learned for code 0, and what it began with is a random vector.
    """
    for table in (model.candidate_tower.tables[model.candidate_id].table, model.bias.table):
        values = to_numpy(table).copy()
        values[0] = values[met].mean(axis=0)
        table.assign(values)


def _reporting(on_progress: Progress, steps: int) -> Any:
    done = itertools.count(1)
    return load_keras().callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: on_progress(next(done), steps)  # noqa: ARG005
    )


def serving_length(features: FeaturesConfig) -> int:
    """A history that is an unordered set may be longer when it is asked than when it is learned."""
    return features.history_length * (4 if features.history == "others" else 1)
