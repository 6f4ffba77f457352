"""What a training job is told: one TOML file, one dataclass a section, no unknown keys.

>>> tables = {"data": {"dataset": "movielens-100k"}, "retrieval": {"epochs": 3}}
>>> Config.from_dict(tables).retrieval.epochs
3
>>> Config.from_dict({"data": {"dataset": "movielens-100k"}, "retreival": {}})
Traceback (most recent call last):
    ...
shortlist.errors.ConfigError: Unknown section [retreival]. Did you mean 'retrieval'?...
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from shortlist.errors import ConfigError, nearest
from shortlist.recommender.ranking_config import RankingConfig
from shortlist.recommender.schema import build, check, positive
from shortlist.recommender.split_config import SplitConfig

__all__ = [
    "Config",
    "DataConfig",
    "EvaluationConfig",
    "FeaturesConfig",
    "OutputConfig",
    "PostRankingConfig",
    "RankingConfig",
    "RetrievalConfig",
    "SplitConfig",
]


@dataclass(frozen=True)
class DataConfig:
    """Where the interactions come from: a named data set, or files of one's own.

    Attributes:
        dataset: ``"movielens-100k"`` (or another MovieLens set) or ``"synthetic"``.
        path: the folder or zip of a named data set that is already on disk.
        interactions: CSV or Parquet file (globs too) with one row an event.
        users, items: CSV or Parquet files with the attributes of users and items.
        user, item, time, rating, weight: the names of those columns in one's own files.
        duplicates: what to do with rows that repeat exactly.
        title: the column of the item file that a person reads.
    """

    dataset: str | None = None
    path: str | None = None
    interactions: str | None = None
    users: str | None = None
    items: str | None = None
    user: str = "user"
    item: str = "item"
    time: str = "time"
    rating: str | None = None
    weight: str | None = None
    duplicates: Literal["error", "drop", "keep"] = "error"
    title: str = "title"

    def __post_init__(self) -> None:
        if (self.dataset is None) == (self.interactions is None):
            raise ConfigError(
                "[data] expected exactly one of `dataset` (a named data set) and `interactions` "
                f"(a CSV or Parquet file); received dataset={self.dataset!r} and "
                f"interactions={self.interactions!r}."
            )
        misplaced = ("path",) if self.dataset is None else ("users", "items")
        for key in misplaced:
            if getattr(self, key) is not None:
                given = "interactions" if self.dataset is None else "dataset"
                raise ConfigError(
                    f"`{key}` in [data] does not go with `{given}`; received {key}="
                    f"{getattr(self, key)!r}. Leave one of the two out."
                )


@dataclass(frozen=True)
class FeaturesConfig:
    """What the towers read besides the items' ids.

    Attributes:
        user, item: columns of the user and item files; None takes every usable one.
        kinds: column -> the kind of feature, where another than the obvious one is wanted
            ("categorical", "multi", "numeric", "log", "bucketize", "hashed" or "text").
        user_id: give every user of the training data a vector of their own, beside what the
            history says.
        history: ``"before"`` reads the items before each event, as at serving; ``"others"`` reads
            a user's other items, for data in which the order of time says nothing.
        history_length: the latest items that are read.
    """

    user: tuple[str, ...] | None = None
    item: tuple[str, ...] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    user_id: bool = True
    history: Literal["before", "others"] = "before"
    history_length: int = 32

    def __post_init__(self) -> None:
        positive("features", "history_length", self.history_length)


@dataclass(frozen=True)
class RetrievalConfig:
    """The two-tower model and its training (AdamW with a cosine schedule).

    Attributes:
        embedding_dim: the length of the vectors.
        epochs: passes over the training interactions.
        batch_size: examples a step; also the number of negatives of each.
        learning_rate: at the start; it falls to 2 % of it along a cosine.
        weight_decay: AdamW's.
        unknown_user_rate: the share of examples in which the user's id is hidden, so that the
            history learns to speak for itself.
        index: what finds the nearest items: ``"exact"``, or past a million items ``"faiss"`` or
            ``"scann"``, which find nearly all of them in a fraction of the time.
    """

    embedding_dim: int = 64
    epochs: int = 8
    batch_size: int = 1024
    learning_rate: float = 0.003
    weight_decay: float = 0.5
    unknown_user_rate: float = 0.5
    index: Literal["exact", "faiss", "scann"] = "exact"

    def __post_init__(self) -> None:
        for key in ("embedding_dim", "epochs", "batch_size", "learning_rate"):
            positive("retrieval", key, getattr(self, key))
        rate = self.unknown_user_rate
        check("retrieval", "unknown_user_rate", rate, 0.0 <= rate < 1.0, "a share in [0, 1)")
        check("retrieval", "weight_decay", self.weight_decay, self.weight_decay >= 0, "0 or more")


@dataclass(frozen=True)
class PostRankingConfig:
    """The post-rankers, in order, each a table with a ``name`` and its options."""

    steps: tuple[Mapping[str, Any], ...] = ({"name": "seen"},)

    def __post_init__(self) -> None:
        for step in self.steps:
            name = step.get("name")
            good = isinstance(name, str) and bool(name)
            check("postranking", "steps", step, good, "tables that each have a `name`")


@dataclass(frozen=True)
class EvaluationConfig:
    """The cut-offs of the metrics table."""

    ks: tuple[int, ...] = (10, 100)

    def __post_init__(self) -> None:
        check("evaluation", "ks", list(self.ks), bool(self.ks), "at least one cut-off")
        for k in self.ks:
            positive("evaluation", "ks", k)


@dataclass(frozen=True)
class OutputConfig:
    """Where the bundle goes: a new numbered version is made below this folder."""

    bundle: str = "shortlist-bundles/default"


@dataclass(frozen=True)
class Config:
    """A whole training job; see the sections for their keys."""

    data: DataConfig
    split: SplitConfig = field(default_factory=SplitConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)
    ranking: RankingConfig = field(default_factory=RankingConfig)
    postranking: PostRankingConfig = field(default_factory=PostRankingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    seed: int = 42

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"`seed` expected a whole number from 0 up; received {self.seed}.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build a configuration from nested tables.

        A section ``[compare]``, which `shortlist.comparison` reads, is passed over.

        Raises:
            ConfigError: an unknown section or key (the nearest known one is named), a value of
                the wrong kind, or one outside its range.
        """
        # One file may serve several commands, each of which reads its own.
        known = {f.name for f in dataclasses.fields(cls)}
        values = {
            name: table
            for name, table in values.items()
            if name in known or name not in _BESIDE or not isinstance(table, Mapping)
        }
        if "data" not in values:
            raise ConfigError(
                "A configuration needs a [data] section with `dataset` or `interactions`; "
                f"received the sections {sorted(values)}.{_data_hint(values)}"
            )
        return typing.cast("Self", build(cls, values))

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a configuration file.

        Relative paths in the file are taken from the folder the file is in, so that it means the
        same wherever the command is run.

        Raises:
            ConfigError: the file is missing, is no TOML, or is wrong as `from_dict` says.
        """
        file = Path(path)
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise ConfigError(f"No configuration file at {file}. Expected a TOML file.") from None
        except OSError as error:
            raise ConfigError(
                f"Cannot read the configuration file {file}: {error.strerror}. Expected a TOML "
                "file."
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} is not valid TOML: {error}") from error
        return cls.from_dict(values).anchored(file.resolve().parent)

    def anchored(self, folder: Path) -> Self:
        """The same configuration with its relative paths taken from ``folder``."""
        data: dict[str, Any] = {
            key: _anchored(value, folder)
            for key in ("path", "interactions", "users", "items")
            if (value := getattr(self.data, key)) is not None
        }
        return dataclasses.replace(
            self,
            data=dataclasses.replace(self.data, **data),
            output=OutputConfig(_anchored(self.output.bundle, folder)),
        )

    def to_dict(self) -> dict[str, Any]:
        """The configuration as nested tables, ready for JSON."""
        return dataclasses.asdict(self)


# Sections that are no part of a training job.
_BESIDE = ("compare",)


def _data_hint(values: Mapping[str, Any]) -> str:
    misspelt = next((name for name in values if nearest(name, ["data"])), None)
    return "" if misspelt is None else f" Did you mean [data] by [{misspelt}]?"


def _anchored(path: str, folder: Path) -> str:
    return path if "://" in path else str(folder / Path(path).expanduser())
