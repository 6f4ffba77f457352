"""`WarmStart`: an earlier bundle as the beginning of a training."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shortlist.bundle import read_folder
from shortlist.data import LeakWarning
from shortlist.errors import ConfigError
from shortlist.recommender.config import Config
from shortlist.recommender.retrieval import TowerRetriever
from shortlist.recommender.storage import latest_version, read_retriever

__all__ = ["WarmStart"]


# Splits that cut off no future, but something of everything.
_DRAWN = ("random", "user-random", "held-out-users", "folds")


@dataclass(frozen=True)
class WarmStart:
    """What is taken over from an earlier bundle.

    Attributes:
        bundle: where it lies.
        fingerprint: what identifies its content.
        retriever: its towers, in Keras, with their encoders.
    """

    bundle: Path
    fingerprint: str
    retriever: TowerRetriever

    @classmethod
    def of(cls, path: Path, config: Config) -> WarmStart:
        """Open the bundle at ``path`` for a training by ``config``.

        Raises:
            BundleError: there is no bundle, or it is damaged.
            ConfigError: it retrieves with something else, or ``config`` asks for another model.

        Warns:
            LeakWarning: the split is drawn at random, so that the test part may hold what the
                earlier model learned from.
        """
        folder = read_folder(latest_version(path), kind="recommender")
        retriever = read_retriever(folder.folder("retriever"), "keras")
        if not isinstance(retriever, TowerRetriever):
            raise ConfigError(
                f"A warm start expected a bundle with two towers; {folder.path} retrieves with "
                f"{type(retriever).__name__}."
            )
        _check(folder.read_json("about.json").get("config", {}), config, folder.path)
        if config.split.method in _DRAWN:
            warnings.warn(
                f"With the split {config.split.method!r} the test part may hold events that the "
                "earlier model learned from, so the metrics may be too good. Split by time.",
                LeakWarning,
                stacklevel=2,
            )
        return cls(folder.path, folder.manifest.fingerprint, retriever)

    def facts(self) -> dict[str, Any]:
        """What the new bundle says of it."""
        return {"bundle": str(self.bundle), "fingerprint": self.fingerprint}


def _check(before: dict[str, Any], config: Config, path: Path) -> None:
    """Raise `ConfigError` where the configuration asks for another model than the bundle's."""
    now = config.to_dict()
    keys = [("features", key) for key in now["features"]] + [("retrieval", "embedding_dim")]
    for section, key in keys:
        old = before.get(section, {}).get(key, now[section][key])
        new = now[section][key]
        new = list(new) if isinstance(new, tuple) else new
        if old != new:
            raise ConfigError(
                f"A warm start from {path} expected `{key}` in [{section}] to be {old!r}, as it "
                f"was there; received {new!r}. Leave it, or train from the start."
            )
