"""A ranking pipeline: read, validate, encode, train, evaluate, save a bundle, load it, predict.

Runs on every backend (``KERAS_BACKEND``). The figure is the RMSE on the ratings held out; the
ranker that is read back must say exactly what the trained one said.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from shortlist import tfrs  # noqa: F401 - before keras, so that a missing KERAS_BACKEND is chosen

import keras  # isort: skip
import numpy as np
import polars as pl

from shortlist.bundle import Draft, read_folder, write_folder
from shortlist.datasets import movielens
from shortlist.errors import DataError
from shortlist.features import Categorical, Encoder
from shortlist.models import Ranker
from shortlist.recommender.weights import read_model, write_model

COLUMNS = ("user", "title", "rating")


def read(rows: int | None) -> pl.DataFrame:
    """Users, titles and stars, shuffled."""
    data = movielens("100k")
    ratings = data.interactions.frame.join(data.items.select("item", "title"), on="item")
    ratings = ratings.sample(fraction=1.0, shuffle=True, seed=42).head(rows or len(ratings))
    return ratings.select(COLUMNS)


def validate(ratings: pl.DataFrame) -> None:
    """Refuse rows without a value and stars that are not between 1 and 5."""
    missing = ratings.null_count().row(0, named=True)
    if any(missing.values()):
        raise DataError(f"Ratings expected a value everywhere; received nulls: {missing}.")
    wrong = ratings.filter(~pl.col("rating").is_between(1, 5))
    if len(wrong):
        raise DataError(f"rating expected 1 to 5; received {wrong['rating'][0]} first.")


def encode(encoder: Encoder, ratings: pl.DataFrame) -> dict[str, np.ndarray]:
    return encoder.transform(ratings) | {"rating": ratings["rating"].to_numpy().astype("float32")}


def train(encoder: Encoder, ratings: pl.DataFrame, epochs: int) -> Ranker:
    mean = float(ratings["rating"].mean())
    ranker = Ranker(
        encoder.describe(), loss="squared", label="rating", embedding_dim=32, initial=mean
    )
    ranker.compile(optimizer=keras.optimizers.Adam(0.002))
    ranker.fit(encode(encoder, ratings), batch_size=1024, epochs=epochs, verbose=2)
    return ranker


def evaluate(ranker: Ranker, encoder: Encoder, ratings: pl.DataFrame) -> float:
    errors = ranker.score(encoder.transform(ratings)) - ratings["rating"].to_numpy()
    return float(np.sqrt(np.mean(errors**2)))


def save(path: Path, encoder: Encoder, ranker: Ranker, rmse: float) -> None:
    def write(draft: Draft) -> None:
        encoder.write(draft.folder("encoder"))
        write_model(draft.folder("ranker"), ranker)

    write_folder(path, write, kind="rating-ranker", metadata={"rmse": rmse})


def load(path: Path) -> tuple[Encoder, Ranker]:
    folder = read_folder(path, kind="rating-ranker")
    return Encoder.read(folder.folder("encoder")), read_model(folder.folder("ranker"), Ranker)


def main(epochs: int = 5, quick: bool = False) -> dict[str, float]:
    keras.utils.set_random_seed(42)
    ratings = read(2000 if quick else None)
    validate(ratings)
    edge = len(ratings) * 4 // 5
    known, held_out = ratings[:edge], ratings[edge:]
    encoder = Encoder([Categorical("user"), Categorical("title")]).fit(known)
    ranker = train(encoder, known, 1 if quick else epochs)
    rmse = evaluate(ranker, encoder, held_out)
    print(f"RMSE: {rmse:.4f}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ranker"
        save(path, encoder, ranker, rmse)
        encoder, ranker = load(path)
    again = evaluate(ranker, encoder, held_out)
    print(f"RMSE of the bundle: {again:.4f}")
    titles = ["M*A*S*H (1970)", "Dances with Wolves (1990)", "Speed (1994)"]
    stars = ranker.score(encoder.transform({"user": [42] * len(titles), "title": titles}))
    for star, title in sorted(zip(stars.tolist(), titles, strict=True), reverse=True):
        print(f"User 42, {title}: {star:.2f}")
    return {"rmse": rmse, "bundle_rmse": again}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked = parser.parse_args()
    main(asked.epochs, asked.quick)
