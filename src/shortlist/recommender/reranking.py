"""`Reranker`: a trained ranker as a callable ``(Queries, Ranked) -> Ranked``, and its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.data import Interactions
from shortlist.errors import ConfigError
from shortlist.features import FeatureInfo
from shortlist.inference import OnnxRanker
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.ranking.registry import check_options
from shortlist.recommender.attributes import Attributes
from shortlist.recommender.config import Config
from shortlist.recommender.fit import fit_retriever
from shortlist.recommender.formula import ScoreFormula
from shortlist.recommender.models import Engine, RankerModel, read_ranker, write_ranker
from shortlist.recommender.ranker_lists import (
    check_tasks,
    gains,
    hold_out,
    kept,
    questions,
    task_labels,
)
from shortlist.recommender.ranker_models import fit_ranker
from shortlist.recommender.retrieval import TowerRetriever
from shortlist.recommender.signals import SIGNALS, ItemVectors, Signals

__all__ = ["Reranker", "check_ranking", "fit_reranker"]


class Reranker:
    """Scores the candidates of every query anew.

    Args:
        model: a trained ranker, of Keras, LightGBM or an ONNX graph.
        signals: what it is told of each candidate.
        vectors: the items' vectors, those of the retriever.
        attributes: what it is told besides, of user and item; None for nothing.
        formula: how the scores of a model of several tasks become one.

    Raises:
        ConfigError: the formula names a task that the model has not, or it is missing.
    """

    def __init__(
        self,
        model: RankerModel,
        signals: Signals,
        vectors: ItemVectors,
        *,
        attributes: Attributes | None = None,
        formula: ScoreFormula | None = None,
    ) -> None:
        self.model = model
        self.signals = signals
        self.vectors = vectors
        self.attributes = attributes
        self.formula = formula
        self.tasks: tuple[str, ...] = tuple(getattr(model, "tasks", ()))
        named = () if formula is None else tuple(formula.weights)
        if bool(self.tasks) != bool(named) or not set(named) <= set(self.tasks):
            raise ConfigError(
                f"Expected a formula of some of the model's tasks, {[*self.tasks]}; received "
                f"one of {[*named]}."
            )

    @property
    def kind(self) -> str:
        """The class of the model that was trained, such as ``"DCNv2"``."""
        if isinstance(self.model, OnnxRanker):
            return self.model.graph.metadata.get("class", "Ranker")
        return type(self.model).__name__

    def __call__(self, queries: Queries, ranked: Ranked) -> Ranked:
        """The same items in the order of the model's scores, or of the formula of its tasks'."""
        if self.formula is None:
            return ranked.rescored(self._scores(queries, ranked))
        return ranked.rescored(self.formula(self.task_scores(queries, ranked)))

    def task_scores(self, queries: Queries, ranked: Ranked) -> Mapping[str, np.ndarray]:
        """The score ``[B, K]`` of each place by each task; nothing where there is one task.

        Places that hold no item have 1.
        """
        if not self.tasks:
            return {}
        scores = np.where(ranked.valid[..., None], self._scores(queries, ranked), 1.0)
        return {task: scores[..., n] for n, task in enumerate(self.tasks)}

    def _scores(self, queries: Queries, ranked: Ranked) -> np.ndarray:
        if isinstance(self.model, OnnxRanker) and self.attributes is None:
            return self.model.score_signals(self.signals.matrix(queries, ranked, self.vectors))
        features = self.signals(queries, ranked, self.vectors)
        if self.attributes is not None:
            features |= self.attributes(queries, ranked)
        return self.model.score(features)

    def write(self, draft: Draft) -> None:
        """Write model and signals into a part of a bundle; the vectors are the retriever's."""
        write_ranker(draft.folder("model"), self.model)
        self.signals.write(draft.folder("signals"))
        draft.write_json(
            "reranker.json",
            {
                "features": "signals" if self.attributes is None else "all",
                "formula": self.formula and self.formula.to_config(),
            },
        )

    @classmethod
    def read(
        cls,
        folder: Folder,
        retriever: TowerRetriever,
        items: pl.DataFrame,
        engine: Engine = "auto",
        *,
        threads: int = 1,
    ) -> Reranker:
        """Open what `write` wrote, beside that retriever and catalogue; see `Recommender.load`."""
        # Bundles had no such file when there was one ranker.
        said = folder.read_json("reranker.json") if "reranker.json" in folder else {}
        formula = said.get("formula")
        return cls(
            read_ranker(folder.folder("model"), engine, threads=threads),
            Signals.read(folder.folder("signals")),
            retriever.item_vectors,
            attributes=_attributes(retriever, items) if said.get("features") == "all" else None,
            formula=None if formula is None else ScoreFormula.from_config(formula),
        )


def check_ranking(config: Config, events: Interactions) -> None:
    """Look whether [ranking] can be done, before anything is trained.

    Raises:
        ConfigError, SchemaError, DataError: an option of the ranker or a task is wrong.
    """
    if config.ranking.enabled:
        check_options(config.ranking.name, config.ranking.options)
        check_tasks(config, events)


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
    and the ranker learns to put what was held out above the rest of the candidates; one of several
    tasks learns what the held-out events say of them. It then ranks the candidates of
    ``retriever``, which was trained on all of ``train``.

    Raises:
        ConfigError: the candidates hold none of the held-out items, or none with a label of some
            task, so there is nothing to learn.
    """
    check_ranking(config, train)
    inner = hold_out(train, config)
    earlier = fit_retriever(
        inner.train,
        users,
        items,
        features=config.features,
        retrieval=config.retrieval,
        seed=config.seed,
        on_progress=on_progress,
    )
    queries = questions(inner, users)
    pool = earlier(queries, config.ranking.pool)
    found = gains(pool, inner.test, queries)
    learnable = found.max(axis=1) > 0
    if not learnable.any():
        raise ConfigError(
            f"The ranker has nothing to learn from: none of the {config.ranking.pool} candidates "
            "retrieved for any user is among the events held out. Train retrieval longer, raise "
            "`pool` in [ranking], or set `enabled = false` there."
        )
    labels = task_labels(pool, inner.test, queries, config)
    signals = Signals.of(inner.train).standardized(queries, pool, earlier.item_vectors)
    features = signals(queries, pool, earlier.item_vectors)
    infos = {name: FeatureInfo("numeric") for name in SIGNALS}
    attributes = _attributes(retriever, items) if config.ranking.reads_all else None
    if attributes is not None:
        features |= attributes(queries, pool)
        infos |= attributes.describe()
    model = fit_ranker(
        infos,
        {name: kept(values, learnable) for name, values in features.items()},
        found[learnable],
        {name: values[learnable] for name, values in labels.items()},
        config.ranking,
        config.seed,
    )
    final = replace(Signals.of(train), mean=signals.mean, scale=signals.scale)
    formula = config.ranking.score_formula if labels else None
    vectors = retriever.item_vectors
    return Reranker(model, final, vectors, attributes=attributes, formula=formula)


def _attributes(retriever: TowerRetriever, items: pl.DataFrame) -> Attributes:
    return Attributes(retriever.encoder, retriever.candidate_encoder, items)
