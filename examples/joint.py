"""One model that retrieves films and predicts stars, on MovieLens-100K.

A `TwoTower` whose loss is that of retrieval plus the error of the ratings. What the candidate tower
says of a film is added to its factors in the rating, so both tasks shape it. On the random 80/20
split of the TensorFlow Recommenders' pages (theirs: top-100 .235, RMSE 1.11) it prints, over the
whole catalogue without what each user has seen, the top-100 accuracy and the RMSE. The same model
on a few more attributes is part of ``python -m benchmarks quality``: .61 and .90. Runs on every
backend (``KERAS_BACKEND``), soonest on JAX.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass

from shortlist.models import RatedItems, RatingFactors, TwoTower  # chooses a missing KERAS_BACKEND

import keras  # isort: skip
import numpy as np
import polars as pl

from shortlist import evaluate
from shortlist.data import Batches, Histories, Interactions, LeakWarning, Split, splits
from shortlist.datasets import Dataset, movielens
from shortlist.features import Categorical, Encoder, MultiCategorical, Numeric
from shortlist.recommender import TowerRetriever
from shortlist.tasks import Ranking
from shortlist.training import BatchDataset, set_seed

HISTORY = 256


@dataclass(frozen=True)
class Known:
    """The data, their split, and the encoders of both towers."""

    data: Dataset
    split: Split
    query: Encoder
    candidate: Encoder

    @property
    def size(self) -> tuple[int, int]:
        """How many codes of users and of films there are."""
        codes = self.query.describe()["user"].size, self.candidate.describe()["item"].size
        return codes[0] or 0, codes[1] or 0

    def columns(self, log: Interactions) -> dict[str, np.ndarray]:
        """The encoded features of user and film of each event, the history left empty."""
        frame = log.frame.select("user", "item").join(
            self.data.users, on="user", how="left", maintain_order="left"
        )
        frame = frame.join(self.data.items, on="item", how="left", maintain_order="left")
        empty = pl.Series("history", [[]] * len(frame), dtype=pl.List(pl.Int64))
        return self.query.transform(frame.with_columns(empty)) | self.candidate.transform(frame)


def load(rows: int | None, seed: int) -> Known:
    """Split at random, and fit the encoders on the training part."""
    data = movielens("100k")
    log = data.interactions
    if rows is not None:
        log = log.take(np.random.default_rng(seed).permutation(len(log))[:rows])
    with warnings.catch_warnings():
        # A random split leaks the future; it is what the figures of the pages are on.
        warnings.simplefilter("ignore", LeakWarning)
        split = splits.random(log, test=0.2, seed=seed)
    candidate = Encoder(
        [Categorical("item"), MultiCategorical("genres"), Numeric("year", transform="bucketize")]
    ).fit(data.items)
    query = Encoder(
        [
            MultiCategorical("history", vocabulary="item", max_length=HISTORY),
            Categorical("user"),
            Categorical("gender"),
            Categorical("occupation"),
            Numeric("age", transform="bucketize"),
        ],
        vocabularies={"item": candidate.vocabulary("item")},
    )
    users = pl.DataFrame({"user": split.train.users}).join(data.users, on="user", how="left")
    query.fit(users.with_columns(pl.Series("history", [[]] * len(users), dtype=pl.List(pl.Int64))))
    return Known(data, split, query, candidate)


def to_learn(known: Known) -> tuple[dict[str, np.ndarray], RatedItems]:
    """The columns of the training part, and what each user has rated besides, and how."""
    log = known.split.train
    columns = known.columns(log)
    items = columns["item"]
    histories = Histories(log, items, mode="others")
    columns["history"] = histories.padded(np.arange(len(log)), HISTORY)
    columns["rating"] = log.frame["rating"].to_numpy().astype(np.float32)
    # How often a film is another example's negative, which the loss corrects for.
    share = np.bincount(items, minlength=known.size[1]) / len(items)
    columns["candidate_probability"] = share[items].astype(np.float32)
    return columns, RatedItems(columns["user"], items, columns["rating"], known.size)


class Joint(TwoTower):
    """Two towers, and ratings from biases and factors that the candidate tower shapes."""

    def __init__(self, known: Known, rated: RatedItems, rating_weight: float = 1.0) -> None:
        super().__init__(
            known.query.describe(),
            known.candidate.describe(),
            history="history",
            recency=False,  # of a random split, which knows no time
            unknown_rate={"user": 0.5},
        )
        self.ratings = RatingFactors(*known.size, rated=True)
        self.ratings.begin_at(rated)
        self.of_candidate = keras.layers.Dense(64, use_bias=False)
        self.task = Ranking(
            keras.losses.MeanSquaredError(),
            metrics=[keras.metrics.RootMeanSquaredError(name="rmse")],
        )
        self.rating_weight = rating_weight

    def stars(self, features, training=False):
        """The predicted ratings ``[B]``."""
        vectors = self.candidate_embeddings(features, training)[:, :-1]
        return self.ratings(
            features["user"],
            features["item"],
            features["rated"],
            item_vector=self.of_candidate(vectors),
            training=training,
        )

    def compute_loss(self, features, training=False):
        """The loss of retrieval and that of the ratings."""
        rating = self.task(features["rating"], self.stars(features, training))
        return super().compute_loss(features, training) + self.rating_weight * rating


def trained(known: Known, epochs: int, seed: int) -> tuple[Joint, RatedItems]:
    """Train both tasks at once."""
    set_seed(seed)
    columns, rated = to_learn(known)
    batches = Batches({**columns, "rated": rated}, 1024, seed=seed, drop_remainder=True)
    model = Joint(known, rated)
    rate = keras.optimizers.schedules.CosineDecay(0.003, len(batches) * epochs, alpha=0.02)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=0.5))
    model.fit(BatchDataset(batches), epochs=epochs, verbose=0)
    return model, rated


def rmse(model: Joint, known: Known, rated: RatedItems) -> float:
    """The error of the ratings of the test part."""
    test = known.split.test
    features = known.columns(test)
    found = []
    for start in range(0, len(test), 1000):
        part = {name: values[start : start + 1000] for name, values in features.items()}
        part["rated"] = rated.for_users(part["user"])
        found.append(keras.ops.convert_to_numpy(model.stars(part)))
    stars = np.clip(np.concatenate(found), 1, 5)
    return float(np.sqrt(np.mean((stars - test.frame["rating"].to_numpy()) ** 2)))


def top_100(model: Joint, known: Known) -> float:
    """The share of the test events whose film is among the hundred first of its user."""
    retriever = TowerRetriever.of(model, known.query, known.candidate, known.data.items)
    report = evaluate(
        {"joint": retriever},
        known.split,
        ks=(100,),
        items=known.data.items,
        users=known.data.users,
    )
    print(report.table())
    held = known.split.test.by_user()
    events = np.array([len(held[user]) for user in report.users.tolist()])
    return float(np.nansum(report.per_user["joint"]["recall@100"] * events) / events.sum())


def main(epochs: int = 8, seed: int = 42, quick: bool = False) -> tuple[float, float]:
    """Train, and print both figures."""
    known = load(3000 if quick else None, seed)
    model, rated = trained(known, 1 if quick else epochs, seed)
    found, error = top_100(model, known), rmse(model, known, rated)
    print(f"joint: top-100 {found:.3f}, RMSE {error:.3f}")
    return found, error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked_for = parser.parse_args()
    main(asked_for.epochs, asked_for.seed, asked_for.quick)
