"""`Reranker`: a trained ranker as a callable ``(Queries, Ranked) -> Ranked``, and its training."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.data import Interactions, LeakWarning, Split, splits
from shortlist.errors import ConfigError
from shortlist.features import FeatureInfo
from shortlist.ids import IdMap
from shortlist.inference import OnnxRanker
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender.config import Config, RankingConfig
from shortlist.recommender.fit import fit_retriever
from shortlist.recommender.models import Engine, RankerModel, read_ranker, write_ranker
from shortlist.recommender.retrieval import TowerRetriever
from shortlist.recommender.signals import SIGNALS, ItemVectors, Signals
from shortlist.recommender.users import UserStore
from shortlist.recommender.weights import load_keras

if TYPE_CHECKING:
    from shortlist.models import Ranker

__all__ = ["Reranker", "fit_reranker"]


class Reranker:
    """Scores the candidates of every query anew, from `Signals`.

    Args:
        model: a trained `Ranker` of the signals, or one as an ONNX graph.
        signals: what it is told of each candidate.
        vectors: the items' vectors, those of the retriever.
    """

    def __init__(self, model: RankerModel, signals: Signals, vectors: ItemVectors) -> None:
        self.model = model
        self.signals = signals
        self.vectors = vectors

    def __call__(self, queries: Queries, ranked: Ranked) -> Ranked:
        """The same items in the order of the model's scores."""
        if isinstance(self.model, OnnxRanker):
            matrix = self.signals.matrix(queries, ranked, self.vectors)
            return ranked.rescored(self.model.score_signals(matrix))
        return ranked.rescored(self.model.score(self.signals(queries, ranked, self.vectors)))

    def write(self, draft: Draft) -> None:
        """Write model and signals into a part of a bundle; the vectors are the retriever's."""
        write_ranker(draft.folder("model"), self.model)
        self.signals.write(draft.folder("signals"))

    @classmethod
    def read(
        cls, folder: Folder, vectors: ItemVectors, engine: Engine = "auto", *, threads: int = 1
    ) -> Reranker:
        """Open what `write` wrote; see `Recommender.load` for the options."""
        signals = Signals.read(folder.folder("signals"))
        return cls(read_ranker(folder.folder("model"), engine, threads=threads), signals, vectors)


def fit_reranker(
    train: Interactions,
    users: pl.DataFrame | None,
    items: pl.DataFrame,
    retriever: TowerRetriever,
    *,
    config: Config,
    on_progress: Callable[[int, int], None] | None = None,
) -> Reranker:
    """Train a ranker on what retrieval returns for events it has not seen.

    The latest part of every user's training events is held out, retrieval is trained on the rest,
    and the ranker learns to put what was held out above the rest of the candidates. It then ranks
    the candidates of ``retriever``, which was trained on all of ``train``.

    Raises:
        ConfigError: the candidates hold none of the held-out items, so there is nothing to learn.
    """
    inner = _hold_out(train, config)
    earlier = fit_retriever(
        inner.train,
        users,
        items,
        features=config.features,
        retrieval=config.retrieval,
        seed=config.seed,
        on_progress=on_progress,
    )
    queries = _questions(inner, users)
    pool = earlier(queries, config.ranking.pool)
    gains = _gains(pool, inner.test, queries)
    learnable = gains.max(axis=1) > 0
    if not learnable.any():
        raise ConfigError(
            f"The ranker has nothing to learn from: none of the {config.ranking.pool} candidates "
            "retrieved for any user is among the events held out. Train retrieval longer, raise "
            "`pool` in [ranking], or set `enabled = false` there."
        )
    signals = Signals.of(inner.train).standardized(queries, pool, earlier.item_vectors)
    features = signals(queries, pool, earlier.item_vectors)
    model = _fit_model(
        {name: values[learnable] for name, values in features.items()},
        gains[learnable],
        config.ranking,
        config.seed,
    )
    final = replace(Signals.of(train), mean=signals.mean, scale=signals.scale)
    return Reranker(model, final, retriever.item_vectors)


def _hold_out(train: Interactions, config: Config) -> Split:
    if config.features.history == "others" or not train.has_time:
        with warnings.catch_warnings():
            # The ranker only has to learn from lists like those it will rank.
            warnings.simplefilter("ignore", LeakWarning)
            return splits.random(train, test=0.2, seed=config.seed)
    return splits.by_user_time(train, test=0.2)


def _questions(inner: Split, users: pl.DataFrame | None) -> Queries:
    store = UserStore.of(inner.train, users)
    ids = inner.test.users
    history = store.history(ids)
    return Queries(ids, history, store.features(ids), history)


def _gains(pool: Ranked, held_out: Interactions, queries: Queries) -> np.ndarray:
    """``[B, K]``: 1 where a candidate was met in the held-out part, 0 elsewhere, -1 for no item."""
    users = IdMap(queries.users).of(held_out.users)[held_out.user_codes]
    met = set(zip(users.tolist(), held_out.frame["item"].to_list(), strict=True))
    gains = np.full(pool.ids.shape, -1.0, dtype=np.float32)
    for row, (ids, valid) in enumerate(zip(pool.ids, pool.valid, strict=True)):
        hits = [(row, item) in met for item in ids.tolist()]
        gains[row] = np.where(valid, np.array(hits, dtype=np.float32), -1.0)
    return gains


def _fit_model(
    features: dict[str, np.ndarray], gains: np.ndarray, config: RankingConfig, seed: int
) -> Ranker:
    from shortlist.models import Ranker  # noqa: PLC0415
    from shortlist.training import set_seed  # noqa: PLC0415

    keras = load_keras()
    set_seed(seed)
    model = Ranker(
        {name: FeatureInfo("numeric") for name in SIGNALS},
        loss="listwise",
        hidden_units=(64, 32),
        dropout=0.1,
    )
    batch_size = min(32, len(gains))
    steps = config.epochs * -(-len(gains) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps, alpha=0.02)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=0.01))
    # A list with more to be found says more about the order, though not in proportion.
    weight = np.sqrt((gains > 0).sum(axis=1)).astype(np.float32)
    data = {**features, "label": gains, "sample_weight": weight}
    model.fit(data, batch_size=batch_size, epochs=config.epochs, verbose=0)
    return model
