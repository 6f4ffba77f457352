"""`BoostedTrees`: LightGBM on the features of a ranker."""

from __future__ import annotations

import dataclasses
import importlib
import os
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np

from shortlist.bundle import Draft, Folder, read_folder, write_folder
from shortlist.errors import (
    BundleError,
    ConfigError,
    DataError,
    MissingDependencyError,
    NotFittedError,
    SchemaError,
    nearest,
)
from shortlist.features import Encoder, FeatureInfo
from shortlist.ranking.boosted_table import category_columns, refuse_unknown, table_of

__all__ = ["BoostedTrees"]

Loss = Literal["binary", "listwise", "squared"]
_OBJECTIVES = {"binary": "binary", "listwise": "lambdarank", "squared": "regression"}


class BoostedTrees:
    """Gradient-boosted trees on the same features and batches as the rankers of Keras.

    Codes are LightGBM's categories. A feature of several codes is a column of 0 and 1 for each
    code, or where there are more than 256 the number of its codes alone.

    Args:
        features: a fitted `Encoder`, or what its ``describe()`` returns.
        loss: ``"binary"`` for labels 0 and 1, ``"squared"`` for ratings, or ``"listwise"``
            (LambdaMART) for lists ``[B, L]`` of whole, not too large gains (negative: no item).
        label: the name of the labels in a batch.
        trees: how many at most.
        leaves: of each tree.
        learning_rate: how much each tree counts.
        min_leaf: the fewest rows of a leaf.
        patience: stop where so many trees have not made a validation batch better.
        seed: of what is drawn; the same seed gives the same trees.
        threads: of LightGBM; None for as many as the machine has cores.

    Raises:
        ConfigError: the loss is unknown.

    Reference: Ke et al. 2017, "LightGBM: A Highly Efficient Gradient Boosting Decision Tree";
    Burges 2010, "From RankNet to LambdaRank to LambdaMART: An Overview".
    """

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        loss: Loss = "binary",
        label: str = "label",
        trees: int = 500,
        leaves: int = 31,
        learning_rate: float = 0.05,
        min_leaf: int = 20,
        patience: int = 30,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        if loss not in _OBJECTIVES:
            raise ConfigError(
                f"loss expected one of {tuple(_OBJECTIVES)}; received {loss!r}."
                f"{nearest(str(loss), _OBJECTIVES)}"
            )
        given = features.describe() if isinstance(features, Encoder) else features
        self.features = {
            name: info if isinstance(info, FeatureInfo) else FeatureInfo(**info)
            for name, info in given.items()
        }
        self.loss_name, self.label = loss, label
        self.trees, self.leaves, self.learning_rate = trees, leaves, learning_rate
        self.min_leaf, self.patience = min_leaf, patience
        self.seed, self.threads = seed, threads
        self._booster: Any = None

    def fit(
        self, batch: Mapping[str, Any], validation_data: Mapping[str, Any] | None = None
    ) -> Self:
        """Grow the trees on a batch of features, labels and optionally ``sample_weight``.

        Args:
            batch: all there is to learn from, ``[N]`` or ``[B, L]``.
            validation_data: a batch on which it is decided how many trees are enough.

        Returns:
            The ranker itself.

        Raises:
            SchemaError: a feature or the label is missing.
            DataError: labels are no numbers the loss can take, or a number is NaN or infinite.
            MissingDependencyError: LightGBM is not installed.
        """
        library = _library()
        train = self._dataset(library, batch)
        parameters = {
            "objective": _OBJECTIVES[self.loss_name],
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_leaf,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "num_threads": self.threads or 0,
        }
        sets, callbacks = [], []
        if validation_data is not None:
            sets = [self._dataset(library, validation_data, like=train)]
            callbacks = [library.early_stopping(self.patience, verbose=False)]
        self._booster = library.train(
            parameters, train, self.trees, valid_sets=sets, callbacks=callbacks
        )
        return self

    def score(self, features: Mapping[str, Any]) -> np.ndarray:
        """The scores, float32 and of the features' leading shape; log-odds for "binary".

        Raises:
            NotFittedError: it has not been fitted.
            SchemaError: a feature is missing, or is none that the ranker was made for.
            DataError: a number is NaN or infinite.
        """
        if self._booster is None:
            raise NotFittedError("These trees are not grown. Call fit(batch) first.")
        refuse_unknown(self.features, features, self.label)
        table, lead = table_of(self.features, features)
        if not len(table):  # no rows, or lists of no places
            return np.zeros(lead, dtype=np.float32)
        found = self._booster.predict(table, raw_score=True, num_threads=self.threads or 0)
        return np.asarray(found, dtype=np.float32).reshape(lead)

    def probabilities(self, features: Mapping[str, Any]) -> np.ndarray:
        """What `score` says, as probabilities of the label 1.

        Raises:
            ConfigError: the loss is not "binary", so that the scores are no log-odds.
        """
        if self.loss_name != "binary":
            raise ConfigError(
                "probabilities() expected a ranker trained with loss='binary'; received "
                f"loss={self.loss_name!r}. Use score()."
            )
        return (0.5 * (1.0 + np.tanh(0.5 * self.score(features)))).astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as JSON values."""
        return {
            "features": {name: dataclasses.asdict(info) for name, info in self.features.items()},
            "loss": self.loss_name,
            "label": self.label,
            "trees": self.trees,
            "leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_leaf": self.min_leaf,
            "patience": self.patience,
            "seed": self.seed,
            "threads": self.threads,
        }

    def write(self, draft: Draft) -> None:
        """Write the options and the trees, as JSON and LightGBM's text, into a bundle."""
        if self._booster is None:
            raise NotFittedError("These trees are not grown. Call fit(batch) first.")
        draft.write_json("config.json", self.get_config())
        text = self._booster.model_to_string(num_iteration=self._booster.best_iteration)
        draft.write_json("trees.json", {"lightgbm": text})

    @classmethod
    def read(cls, folder: Folder) -> BoostedTrees:
        """Read what `write` wrote.

        Raises:
            BundleError: it is none of these trees.
            MissingDependencyError: LightGBM is not installed.
        """
        library = _library()
        try:
            trees = cls(**folder.read_json("config.json"))
            text = folder.read_json("trees.json")["lightgbm"]
            trees._booster = library.Booster(model_str=text)
        except (TypeError, KeyError, ConfigError, library.basic.LightGBMError) as error:
            raise BundleError(f"{folder.path} holds no usable trees: {error!r}.") from error
        return trees

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write them to a folder of their own, whole or not at all."""
        write_folder(path, self.write, kind="boosted_trees")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BoostedTrees:
        """Read what `save` wrote, once it is verified."""
        return cls.read(read_folder(path, kind="boosted_trees"))

    def _dataset(self, library: Any, batch: Mapping[str, Any], like: Any = None) -> Any:
        if self.label not in batch:
            raise SchemaError(
                f"The ranker expected the label {self.label!r} in a batch; received "
                f"{sorted(batch)}.{nearest(self.label, batch)}"
            )
        table, lead = table_of(self.features, batch)
        labels = np.asarray(batch[self.label], dtype=np.float64)
        if labels.shape != lead:
            raise DataError(
                f"The ranker expected labels of the features' leading shape {lead}; received "
                f"{labels.shape}."
            )
        weight = batch.get("sample_weight")
        if weight is not None:
            weight = np.broadcast_to(
                np.reshape(weight, (-1, *[1] * (labels.ndim - 1))), labels.shape
            ).reshape(-1)
        kept, group = self._kept(labels)
        return library.Dataset(
            table[kept],
            labels.reshape(-1)[kept],
            weight=None if weight is None else weight[kept],
            group=group,
            reference=like,
            categorical_feature=category_columns(self.features),
            free_raw_data=True,
        )

    def _kept(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Which places of all lists are items, and how many each list has."""
        if not np.isfinite(labels).all():
            row = int(np.argwhere(~np.isfinite(labels))[0, 0])
            raise DataError(f"The ranker expected finite labels; row {row} has {labels[row]}.")
        if self.loss_name != "listwise":
            if self.loss_name == "binary" and not np.isin(labels, (0, 1)).all():
                row = int(np.argwhere(~np.isin(labels, (0, 1)))[0, 0])
                raise DataError(
                    f"loss='binary' expected labels 0 and 1; row {row} has {labels[row]}. Use "
                    "loss='squared' for ratings."
                )
            return np.ones(labels.size, dtype=bool), None
        if labels.ndim != 2 or (labels != np.floor(labels)).any() or labels.max() > 30:
            raise DataError(
                "loss='listwise' expected lists [B, L] of whole gains up to 30; received labels of "
                f"shape {labels.shape} from {labels.min()} to {labels.max()}."
            )
        there = labels >= 0
        counts = there.sum(axis=1)
        return there.reshape(-1), counts[counts > 0]


def _library() -> Any:
    try:
        return importlib.import_module("lightgbm")
    except ImportError as error:
        raise MissingDependencyError.of("lightgbm", "lightgbm", "BoostedTrees") from error
