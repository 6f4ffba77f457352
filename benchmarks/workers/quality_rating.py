"""Ours: ratings of MovieLens-100K by `RatingModel`: who rates what, and what else they rated."""

from __future__ import annotations

from collections.abc import Callable

from bench import serve


def make(seed: int = 42, epochs: int = 8, penalty: float = 0.2) -> Callable[[], dict[str, float]]:
    import keras
    import numpy as np
    import polars as pl

    from shortlist.data import Batches
    from shortlist.datasets import movielens
    from shortlist.features import Categorical, Encoder
    from shortlist.models import RatedItems, RatingModel
    from shortlist.training import BatchDataset, set_seed

    frame = movielens("100k").interactions.frame
    rows = np.random.default_rng(seed).permutation(frame.height)
    edge = frame.height * 4 // 5
    train, test = frame[rows[:edge]], frame[rows[edge:]]
    encoder = Encoder([Categorical("user"), Categorical("item")]).fit(train)
    encoded, asked = encoder.transform(train), encoder.transform(test)
    ratings, truth = (part["rating"].to_numpy().astype(np.float32) for part in (train, test))
    users, items = (encoder.describe()[name].size or 0 for name in ("user", "item"))
    rated = RatedItems(encoded["user"], encoded["item"], ratings, (users, items))

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
        columns = encoded | {"label": ratings, "rated": rated}
        batches = Batches(columns, 1024, seed=seed, drop_remainder=True)
        rate = keras.optimizers.schedules.CosineDecay(0.003, len(batches) * epochs, alpha=0.02)
        model = RatingModel(users, items, rated=True, penalty=penalty)
        model.factors.begin_at(rated)
        model.compile(keras.optimizers.Adam(rate))
        model.fit(BatchDataset(batches), epochs=epochs, shuffle=False, verbose=0)
        predicted = model.score(asked | {"rated": rated.for_users(asked["user"])})
        return {"ranker": error(predicted), "biases": error(biases())}

    return run


serve(make)
