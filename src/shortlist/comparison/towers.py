"""The two towers, and the whole pipeline around them, as the configuration of a job makes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import polars as pl

from shortlist.baselines import Popularity
from shortlist.data import Interactions
from shortlist.evaluation.run import Retriever
from shortlist.postranking import Pipeline
from shortlist.recommender.config import Config
from shortlist.recommender.fit import fit_retriever
from shortlist.recommender.pipeline import Recommender
from shortlist.recommender.reranking import fit_reranker
from shortlist.recommender.retrieval import TowerRetriever
from shortlist.recommender.users import UserStore

__all__ = ["fit_pipeline", "fit_towers"]


def fit_towers(
    train: Interactions,
    users: pl.DataFrame | None,
    items: pl.DataFrame,
    config: Config,
    options: Mapping[str, Any],
) -> TowerRetriever:
    """Train two towers as ``[retrieval]`` says, with ``options`` in place of its own."""
    return fit_retriever(
        train,
        users,
        items,
        features=config.features,
        retrieval=dataclasses.replace(config.retrieval, **options),
        seed=config.seed,
    )


def fit_pipeline(
    train: Interactions,
    users: pl.DataFrame | None,
    items: pl.DataFrame,
    config: Config,
    options: Mapping[str, Any],
) -> Retriever:
    """Train the towers and the ranker of ``[ranking]``, with the post-rankers behind them."""
    retrieval = dataclasses.replace(config.retrieval, **options)
    config = dataclasses.replace(config, retrieval=retrieval)
    towers = fit_towers(train, users, items, config, {})
    ranker = None
    if config.ranking.enabled:
        ranker = fit_reranker(train, users, items, towers, config=config)
    return Recommender(
        towers,
        UserStore.of(train, users),
        items,
        fallback=Popularity().fit(train),
        ranker=ranker,
        postranker=Pipeline.from_steps(config.postranking.steps),
        pool=config.ranking.pool,
        title=config.data.title,
    )
