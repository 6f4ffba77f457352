"""Ours: ratings of MovieLens-100K by the `Ranker`, from who the user is and what the film is."""

from __future__ import annotations

from collections.abc import Callable

from bench import serve


def make(seed: int = 42, epochs: int = 8) -> Callable[[], dict[str, float]]:
    import keras
    import numpy as np
    import polars as pl

    from shortlist.data import Batches
    from shortlist.datasets import movielens
    from shortlist.features import Categorical, Encoder, MultiCategorical, Numeric
    from shortlist.models import Ranker
    from shortlist.training import BatchDataset, set_seed

    data = movielens("100k")
    frame = data.interactions.frame.join(data.users, on="user", maintain_order="left")
    frame = frame.join(data.items, on="item", maintain_order="left")
    rows = np.random.default_rng(seed).permutation(frame.height)
    edge = frame.height * 4 // 5
    train, test = frame[rows[:edge]], frame[rows[edge:]]
    encoder = Encoder(
        [
            Categorical("user"),
            Categorical("item"),
            Categorical("gender"),
            Categorical("occupation"),
            Numeric("age", transform="bucketize"),
            MultiCategorical("genres"),
            Numeric("year", transform="bucketize"),
        ]
    ).fit(train)
    encoded, asked = encoder.transform(train), encoder.transform(test)
    ratings, truth = (part["rating"].to_numpy().astype(np.float32) for part in (train, test))

    def error(predicted: np.ndarray) -> float:
        """The root of the mean squared error; nobody can rate below 1 or above 5."""
        return float(np.sqrt(np.mean((np.clip(predicted, 1, 5) - truth) ** 2)))

    def biases() -> np.ndarray:
        """The mean rating, and how far the item and then the user usually are from it."""
        mean = train["rating"].mean()
        item = train.group_by("item").agg(i=(pl.col("rating") - mean).sum() / (pl.len() + 5))
        left = train.join(item, on="item").with_columns(rest=pl.col("rating") - mean - pl.col("i"))
        user = left.group_by("user").agg(u=pl.col("rest").sum() / (pl.len() + 5))
        found = test.join(item, on="item", how="left", maintain_order="left")
        found = found.join(user, on="user", how="left", maintain_order="left").fill_null(0)
        return (mean + found["i"] + found["u"]).to_numpy()

    def run() -> dict[str, float]:
        set_seed(seed)
        batches = Batches(encoded | {"label": ratings}, 512, seed=seed)
        rate = keras.optimizers.schedules.CosineDecay(0.002, len(batches) * epochs, alpha=0.02)
        model = Ranker(
            encoder.describe(),
            loss="squared",
            embedding_dim=32,
            dropout=0.3,
            initial=float(ratings.mean()),
        )
        model.compile(keras.optimizers.AdamW(rate, weight_decay=0.3))
        model.fit(BatchDataset(batches), epochs=epochs, shuffle=False, verbose=0)
        return {"ranker": error(model.score(asked)), "biases": error(biases())}

    return run


serve(make)
