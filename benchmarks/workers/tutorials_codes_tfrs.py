"""TFRS: the programs of ``examples/tfrs`` on the very codes that ours learn from."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
from bench import serve, with_seeds
from tensorflow_recommenders.layers import feature_multiplexing as multiplexing

layers = tf.keras.layers
_TOP = "factorized_top_k/top_100_categorical_accuracy"
Columns = dict[str, np.ndarray]


class Codes:
    """The columns to learn from and to test on, as ours, and the sizes of the tables."""

    def __init__(self, folder: Path, epochs: int, seed: int) -> None:
        def part(name: str) -> Columns:
            return {p.name.split(".")[1]: np.load(p) for p in folder.glob(f"{name}.*.npy")}

        self.train, self.test = part("train"), part("test")
        self.epochs, self.seed = epochs, seed
        sizes = folder / "sizes.json"
        self.sizes = json.loads(sizes.read_text(encoding="utf-8")) if sizes.exists() else {}

    def fitted(self, model: tfrs.Model, batch: int, optimizer: Any) -> dict[str, float]:
        model.compile(optimizer=optimizer)
        train = tf.data.Dataset.from_tensor_slices(self.train).shuffle(100_000, seed=self.seed)
        model.fit(train.batch(batch).cache(), epochs=self.epochs, verbose=0)
        test = tf.data.Dataset.from_tensor_slices(self.test).batch(4096).cache()
        return model.evaluate(test, verbose=0, return_dict=True)


def adagrad(rate: float = 0.1) -> Any:
    return tf.keras.optimizers.legacy.Adagrad(rate)


def dense(*units: int) -> Any:
    hidden = [layers.Dense(n, activation="relu") for n in units]
    return tf.keras.Sequential([*hidden, layers.Dense(1)])


class Stars(tfrs.Model):
    """Predicts the stars from embeddings of the features, crossed or not."""

    def __init__(self, embed: Callable[[Any], Any], cross: Any, units: tuple[int, ...]) -> None:
        super().__init__()
        self.embed, self.cross, self.stars = embed, cross, dense(*units)
        self.task = tfrs.tasks.Ranking(
            loss=tf.keras.losses.MeanSquaredError(),
            metrics=[tf.keras.metrics.RootMeanSquaredError("RMSE")],
        )

    def compute_loss(self, row: Any, training: bool = False) -> Any:
        found = self.embed({name: row[name] for name in row if name != "rating"})
        x = tf.concat(found, axis=1)
        x = x if self.cross is None else self.cross(x)
        return self.task(labels=row["rating"], predictions=self.stars(x))


class Tables(layers.Layer):
    """A table for each feature."""

    def __init__(self, sizes: dict[str, int]) -> None:
        super().__init__()
        self.tables = {name: layers.Embedding(size, 32) for name, size in sizes.items()}

    def call(self, row: Any) -> Any:
        return [table(row[name]) for name, table in self.tables.items()]


def dcn(codes: Codes) -> dict[str, float]:
    crosses = {"DCN": {}, "DCN, low rank": {"projection_dim": 20}}
    networks: dict[str, Any] = {
        name: (tfrs.layers.dcn.Cross(**how), (192, 192)) for name, how in crosses.items()
    }
    networks["MLP"] = (None, (192, 192, 192))
    found = {}
    for name, (cross, units) in networks.items():
        tf.keras.utils.set_random_seed(codes.seed)
        model = Stars(Tables(codes.sizes), cross, units)
        optimizer = tf.keras.optimizers.legacy.Adam(0.01)
        found[name] = codes.fitted(model, 8192, optimizer)["RMSE"]
    return found


def tpu_embedding(codes: Codes) -> dict[str, float]:
    config = tf.tpu.experimental.embedding
    features = {
        name: config.FeatureConfig(config.TableConfig(size, 32, name=f"{name}_table"), name=name)
        for name, size in codes.sizes.items()
    }
    # Off a TPU the optimizer given to compile updates the tables too.
    table = tfrs.layers.embedding.TPUEmbedding(features, config.Adagrad(0.1))
    model = Stars(lambda row: list(table(row).values()), None, (256, 64))
    model.table = table
    return codes.fitted(model, 4096, adagrad(0.05))


def unified_embeddings(codes: Codes) -> dict[str, float]:
    found = {
        "separate tables": codes.fitted(
            Stars(Tables(codes.sizes), None, (256, 64)), 4096, adagrad()
        )["RMSE"]
    }
    config = multiplexing.UnifiedEmbeddingConfig(2000, 8, num_tables=2, name="unified")
    for name in codes.sizes:
        config.add_feature(name, 4)
    tf.keras.utils.set_random_seed(codes.seed)
    layer = multiplexing.UnifiedEmbedding(config, tf.tpu.experimental.embedding.Adagrad(0.1))
    model = Stars(layer, None, (256, 64))
    found["unified, 2 x 2000 rows"] = codes.fitted(model, 4096, adagrad())["RMSE"]
    return found


class Sequential(tfrs.Model):
    def __init__(self, films: int) -> None:
        super().__init__()
        self.query = tf.keras.Sequential(
            [layers.Embedding(films, 32, mask_zero=True), layers.GRU(32)]
        )
        self.candidate = layers.Embedding(films, 32)
        corpus = tf.data.Dataset.range(1, films).batch(128).map(self.candidate)
        self.task = tfrs.tasks.Retrieval(metrics=tfrs.metrics.FactorizedTopK(corpus))

    def compute_loss(self, row: Any, training: bool = False) -> Any:
        query, candidate = self.query(row["context"]), self.candidate(row["label"])
        return self.task(query, candidate, compute_metrics=not training)


def sequential_retrieval(codes: Codes) -> dict[str, float]:
    return codes.fitted(Sequential(codes.sizes), 4096, adagrad())


class Multitask(tfrs.Model):
    def __init__(self, sizes: dict[str, int], rating: float, retrieval: float) -> None:
        super().__init__()
        self.users, self.films = (layers.Embedding(sizes[n], 32) for n in ("user", "title"))
        self.stars, self.weights_of = dense(256, 128), (rating, retrieval)
        self.rating_task = tfrs.tasks.Ranking(
            loss=tf.keras.losses.MeanSquaredError(),
            metrics=[tf.keras.metrics.RootMeanSquaredError()],
        )
        corpus = tf.data.Dataset.range(sizes["title"]).batch(128).map(self.films)
        self.retrieval_task = tfrs.tasks.Retrieval(metrics=tfrs.metrics.FactorizedTopK(corpus))

    def compute_loss(self, row: Any, training: bool = False) -> Any:
        user, film = self.users(row["user"]), self.films(row["title"])
        stars = self.stars(tf.concat([user, film], axis=1))
        rating = self.rating_task(labels=row["rating"], predictions=stars)
        retrieval = self.retrieval_task(user, film, compute_metrics=not training)
        return self.weights_of[0] * rating + self.weights_of[1] * retrieval


def multitask(codes: Codes) -> dict[str, float]:
    found = codes.fitted(Multitask(codes.sizes, 1.0, 1.0), 8192, adagrad())
    return {"joint, top-100": found[_TOP], "joint, RMSE": found["root_mean_squared_error"]}


class Lists(tfrs.Model):
    def __init__(self, sizes: dict[str, int], loss: Any) -> None:
        super().__init__()
        self.users, self.films = (layers.Embedding(sizes[n], 32) for n in ("user", "title"))
        self.scores, self.task = dense(256, 64), tfrs.tasks.Ranking(loss=loss)

    def call(self, row: Any) -> Any:
        films = self.films(row["movie_title"])
        users = tf.repeat(self.users(row["user_id"])[:, None], films.shape[1], axis=1)
        return tf.squeeze(self.scores(tf.concat([users, films], axis=2)), axis=-1)

    def compute_loss(self, row: Any, training: bool = False) -> Any:
        return self.task(labels=row["user_rating"], predictions=self(row))


def _list_mle(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:  # noqa: ARG001
    """ListMLE as TensorFlow Ranking has it: stars in descending order, of equal ones the first."""
    order = tf.argsort(y_true, axis=1, direction="DESCENDING", stable=True)
    scores = tf.gather(y_pred, order, batch_dims=1)
    rest = tf.math.cumulative_logsumexp(scores, axis=1, reverse=True)
    return tf.reduce_mean(tf.reduce_sum(rest - scores, axis=1))


def _ndcg(stars: np.ndarray, scores: np.ndarray) -> float:
    discounts = 1 / np.log2(np.arange(stars.shape[1]) + 2)
    gains = 2.0**stars - 1
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.take_along_axis(gains, order, axis=1) @ discounts
    return float(np.mean(found / (-np.sort(-gains, axis=1) @ discounts)))


def listwise_ranking(codes: Codes) -> dict[str, float]:
    found = {}
    for name, loss in {"MSE": tf.keras.losses.MeanSquaredError(), "ListMLE": _list_mle}.items():
        tf.keras.utils.set_random_seed(codes.seed)
        model = Lists(codes.sizes, loss)
        model.compile(optimizer=adagrad())
        train = tf.data.Dataset.from_tensor_slices(codes.train).shuffle(100_000, seed=codes.seed)
        model.fit(train.batch(8192).cache(), epochs=codes.epochs, verbose=0)
        scores = model(codes.test).numpy()
        found[name] = _ndcg(codes.test["user_rating"], scores)
    return found


def efficient_serving(codes: Codes) -> dict[str, float]:  # noqa: ARG001
    random = np.random.default_rng(42)
    films = random.normal(size=(1665, 32)).astype("float32")
    queries = tf.constant(random.normal(size=(100, 32)).astype("float32"))
    top_k = tfrs.layers.factorized_top_k
    data = tf.data.Dataset.from_tensors((tf.range(len(films)), films))
    engines = {
        "BruteForce": top_k.BruteForce(k=10).index(tf.constant(films)),
        "Streaming": top_k.Streaming(k=10).index_from_dataset(data),
    }
    found = {}
    for name, engine in engines.items():
        engine(queries[:1])
        start = time.perf_counter()
        for row in range(len(queries)):
            engine(queries[row : row + 1])[1].numpy()
        found[name] = (time.perf_counter() - start) * 1000 / len(queries)
    return found


_PROGRAMS: dict[str, Callable[[Codes], dict[str, float]]] = {
    f.__name__: f
    for f in (
        dcn,
        efficient_serving,
        listwise_ranking,
        multitask,
        sequential_retrieval,
        tpu_embedding,
        unified_embeddings,
    )
}


def make(
    tutorial: str,
    epochs: int,
    quick: bool,  # noqa: ARG001
    folder: str,
) -> Callable[[], dict[str, list[float]]]:
    def train(seed: int) -> dict[str, float]:
        tf.keras.utils.set_random_seed(seed)
        return _PROGRAMS[tutorial](Codes(Path(folder) / tutorial, epochs, seed))

    return with_seeds(train)


serve(make)
