"""Ours: retrieval and ratings in one model, on a random split of MovieLens-100K."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import serve
from two_tower import Learned


def make(seed: int = 42, epochs: int = 8) -> Callable[[], Any]:
    import keras
    import numpy as np
    from keras import ops

    from shortlist.data import Batches
    from shortlist.evaluation import evaluate
    from shortlist.models import RatedItems, RatingFactors, TwoTower
    from shortlist.queries import Queries
    from shortlist.recommender.encoders import Encoders
    from shortlist.recommender.fit import training_columns
    from shortlist.recommender.frames import query_columns
    from shortlist.recommender.retrieval import TowerRetriever
    from shortlist.recommender.users import UserStore
    from shortlist.tasks import Ranking
    from shortlist.training import BatchDataset, set_seed

    learned = Learned(seed, epochs)
    data, train, test = learned.data, learned.split.train, learned.split.test
    encoders = Encoders.fit(train, data.users, learned.items, learned.config.features, 256)
    columns = training_columns(train, data.users, learned.items, encoders, learned.config.features)
    columns["rating"] = train.frame["rating"].to_numpy().astype(np.float32)
    every = np.arange(len(train))
    size = tuple(
        described.size or 0
        for described in (encoders.query.describe()["user"], encoders.candidate.describe()["item"])
    )
    columns["rated"] = RatedItems(
        columns["user"].take(every), columns["item"].take(every), columns["rating"], size
    )

    class Joint(TwoTower):
        """What the candidate tower says of an item speaks for it in both tasks."""

        def __init__(self) -> None:
            query, candidate = encoders.query.describe(), encoders.candidate.describe()
            super().__init__(
                query, candidate, history="history", recency=False, unknown_rate={"user": 0.5}
            )
            self.ratings = RatingFactors(*size, rated=True)
            self.ratings.begin_at(columns["rated"])
            self.of_candidate = keras.layers.Dense(64, use_bias=False)
            rmse = keras.metrics.RootMeanSquaredError(name="rmse")
            self.task = Ranking(keras.losses.MeanSquaredError(), metrics=[rmse])

        def rated(self, features: Any, training: bool = False) -> Any:
            vectors = self.candidate_embeddings(features, training)[:, :-1]
            return self.ratings(
                features["user"],
                features["item"],
                features["rated"],
                item_vector=self.of_candidate(vectors),
                training=training,
            )

        def compute_loss(self, features: Any, training: bool = False) -> Any:
            retrieval = super().compute_loss(features, training)
            rating = self.task(features["rating"], self.rated(features, training))
            return retrieval + rating

    def asked(model: Any) -> np.ndarray:
        """The predicted ratings of the test events."""
        store = UserStore.of(train, data.users)
        users = test.users
        history = store.history(users)
        queries = Queries(users, history, store.features(users), history)
        of_user = encoders.query.transform(query_columns(queries))
        items = test.frame.select("item").join(
            learned.items, on="item", how="left", maintain_order="left"
        )
        features = {name: values[test.user_codes] for name, values in of_user.items()}
        features |= encoders.candidate.transform(items)
        found = []
        for start in range(0, len(test), 1000):
            part = {name: values[start : start + 1000] for name, values in features.items()}
            part["rated"] = columns["rated"].for_users(part["user"])
            found.append(ops.convert_to_numpy(model.rated(part)))
        return np.clip(np.concatenate(found), 1, 5)

    def top(report: Any) -> float:
        held = test.by_user()
        events = np.array([len(held[user]) for user in report.users.tolist()])
        return float(np.nansum(report.per_user["joint"]["recall@100"] * events) / events.sum())

    def run() -> dict[str, float]:
        set_seed(seed)
        batches = Batches(columns, 1024, seed=seed, drop_remainder=True)
        rate = keras.optimizers.schedules.CosineDecay(0.003, len(batches) * epochs, alpha=0.02)
        model = Joint()
        model.compile(keras.optimizers.AdamW(rate, weight_decay=0.5))
        model.fit(BatchDataset(batches), epochs=epochs, verbose=0)
        retriever = TowerRetriever.of(model, encoders.query, encoders.candidate, learned.items)
        report = evaluate(
            {"joint": retriever}, learned.split, items=learned.items, users=data.users
        )
        truth = test.frame["rating"].to_numpy()
        return {
            "top-100": top(report),
            "ndcg@10": report.metrics["joint"]["ndcg@10"],
            "rmse": float(np.sqrt(np.mean((asked(model) - truth) ** 2))),
        }

    return run


serve(make)
