"""The models that can be compared: how each is fitted, and which of its options are tuned."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from shortlist.baselines import BPR, EASE, GFCF, IALS, ContentKNN, ItemKNN
from shortlist.comparison.spaces import Choice, Range
from shortlist.comparison.towers import fit_pipeline, fit_towers
from shortlist.data import Interactions
from shortlist.evaluation.run import Retriever
from shortlist.recommender.columns import specs_of
from shortlist.recommender.config import Config, RetrievalConfig
from shortlist.recommender.encoders import catalogue
from shortlist.recommender.schema import build

__all__ = ["CONTENDERS", "Contender", "Material"]


@dataclass(frozen=True)
class Material:
    """What a model may learn from.

    Attributes:
        train: the interactions.
        users, items: the attributes, or None.
        config: the features, the towers and the ranker as configured, and the seed.
    """

    train: Interactions
    users: pl.DataFrame | None
    items: pl.DataFrame
    config: Config

    @property
    def catalogue(self) -> pl.DataFrame:
        """Every item that can be recommended."""
        return catalogue(self.train, self.items)


@dataclass(frozen=True)
class Contender:
    """A model to be compared.

    Attributes:
        fit: from material and options to a callable ``(Queries, k) -> Ranked``.
        options: a dataclass of what can be set in the configuration.
        space: what is tuned.
        epochs: whether it has an option of that name, of which a quarter is tried first.
        seeded: whether it draws at random, so that another seed gives another model.
        needs_keras: whether it is trained with Keras.
    """

    fit: Callable[[Material, Mapping[str, Any]], Retriever]
    options: type
    space: Mapping[str, Range | Choice] = field(default_factory=dict)
    epochs: bool = False
    seeded: bool = False
    needs_keras: bool = False

    def checked(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options that a configuration gives, of the right kinds.

        Raises:
            ConfigError: one is unknown or wrong.
        """
        made = build(self.options, given, f"compare.options.{name}")
        return {key: getattr(made, key) for key in given}

    def defaults(self, config: Config) -> dict[str, Any]:
        """What every option is where nothing is said."""
        if self.options is RetrievalConfig:
            return dataclasses.asdict(config.retrieval)
        return {f.name: f.default for f in dataclasses.fields(self.options)}


def _baseline(model: type, fixed: Mapping[str, Any], **space: Range | Choice) -> Contender:
    """A baseline that is fitted on interactions alone."""
    seeded = "seed" in inspect.signature(model).parameters

    def fit(material: Material, options: Mapping[str, Any]) -> Retriever:
        seed = {"seed": material.config.seed} if seeded else {}
        fitted: Retriever = model(**{**seed, **fixed, **options}).fit(material.train)
        return fitted

    options = _options(model, without=fixed)
    epochs = "epochs" in inspect.signature(options).parameters
    return Contender(fit, options, space, epochs=epochs, seeded=seeded)


def _options(model: type, without: Mapping[str, Any]) -> type:
    """The keyword arguments of ``model`` as a dataclass, so that they are checked as sections."""
    hints = typing.get_type_hints(model.__init__)  # type: ignore[misc]
    fields = [
        (name, hints[name], field(default=parameter.default))
        for name, parameter in inspect.signature(model).parameters.items()
        if name not in without and name not in ("seed", "specs")
    ]
    return dataclasses.make_dataclass(f"{model.__name__}Options", fields, frozen=True)


def _fit_content(material: Material, options: Mapping[str, Any]) -> Retriever:
    features, items = material.config.features, material.catalogue
    specs = specs_of(items, "item", features.item, features.kinds)
    return ContentKNN(specs, **options).fit(items)


def _fit_towers(material: Material, options: Mapping[str, Any]) -> Retriever:
    return fit_towers(material.train, material.users, material.catalogue, material.config, options)


def _fit_pipeline(material: Material, options: Mapping[str, Any]) -> Retriever:
    return fit_pipeline(
        material.train, material.users, material.catalogue, material.config, options
    )


_NEIGHBORS = Range(20, 500, log=True)

CONTENDERS: Mapping[str, Contender] = {
    "item-knn": _baseline(
        ItemKNN,
        {"k1": 100.0, "b": 0.5},
        neighbors=_NEIGHBORS,
        shrinkage=Range(0.1, 100.0, log=True),
        weighting=Choice(("cosine", "normalized")),
    ),
    "bm25": _baseline(
        ItemKNN,
        {"weighting": "bm25", "shrinkage": 0.0},
        neighbors=_NEIGHBORS,
        k1=Range(0.5, 200.0, log=True),
        b=Range(0.0, 1.0),
    ),
    "ease": _baseline(EASE, {}, regularization=Range(10.0, 5000.0, log=True)),
    "gf-cf": _baseline(GFCF, {}, rank=Range(8, 512, log=True), alpha=Range(0.01, 1.0, log=True)),
    "ials": _baseline(
        IALS,
        {},
        embedding_dim=Choice((16, 32, 64, 128)),
        alpha=Range(0.003, 1.0, log=True),
        regularization=Range(0.0005, 0.1, log=True),
    ),
    "bpr": _baseline(
        BPR,
        {},
        embedding_dim=Choice((16, 32, 64, 128)),
        learning_rate=Range(0.005, 0.3, log=True),
        regularization=Range(0.0001, 0.1, log=True),
    ),
    "content-knn": Contender(
        _fit_content, _options(ContentKNN, without={}), {"neighbors": _NEIGHBORS}
    ),
    "two-towers": Contender(
        _fit_towers,
        RetrievalConfig,
        {
            "embedding_dim": Choice((32, 64, 128)),
            "learning_rate": Range(0.0005, 0.01, log=True),
            "weight_decay": Range(0.01, 2.0, log=True),
            "unknown_user_rate": Range(0.0, 0.9),
        },
        epochs=True,
        seeded=True,
        needs_keras=True,
    ),
    # The towers are those of "two-towers"; the ranker is as configured.
    "pipeline": Contender(_fit_pipeline, RetrievalConfig, seeded=True, needs_keras=True),
}
