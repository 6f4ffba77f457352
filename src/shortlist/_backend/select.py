"""Choose the Keras backend before Keras is imported for the first time."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from shortlist.errors import ConfigError, MissingDependencyError, nearest

BACKENDS = ("jax", "tensorflow", "torch")


class Choice(NamedTuple):
    """The backend that Keras will use, and why that one."""

    name: str
    reason: str


def choose_backend() -> Choice:
    """Choose the backend and tell Keras so, through ``KERAS_BACKEND``.

    It is the one of a Keras already loaded, else the one ``KERAS_BACKEND`` names, else the one
    Keras' own file names, else the first installed of JAX, TensorFlow and PyTorch. (Keras alone
    would try TensorFlow and stop where only another is installed.) Keras writes ``keras.json`` by
    itself when it is first imported, always with TensorFlow in it, so only another name there is
    somebody's wish.

    Raises:
        ConfigError: ``KERAS_BACKEND`` or the file names no backend that can train.
        MissingDependencyError: Keras, the backend named, or every backend is not installed.
    """
    keras = sys.modules.get("keras")
    if keras is not None:
        return Choice(str(keras.config.backend()), "Keras was imported before with it")
    if importlib.util.find_spec("keras") is None:
        raise MissingDependencyError.of("keras", "jax", "Training and neural models")
    choice = _find()
    os.environ["KERAS_BACKEND"] = choice.name
    return choice


def _find() -> Choice:
    named = os.environ.get("KERAS_BACKEND")
    if named:
        return _wish(named, "KERAS_BACKEND names it")
    file = _keras_config()
    stored = _stored_backend(file)
    if stored not in (None, "tensorflow"):
        return _wish(str(stored), f"{file} names it")
    for name in BACKENDS:
        if importlib.util.find_spec(name) is not None:
            reason = (
                f"KERAS_BACKEND is not set, and of {', '.join(BACKENDS)} it is the first installed"
            )
            return Choice(name, reason)
    raise MissingDependencyError.of("jax", "jax", "Keras")


def _wish(name: str, reason: str) -> Choice:
    if name not in BACKENDS:
        raise ConfigError(
            f"The Keras backend expected one of {', '.join(BACKENDS)}; received {name!r} "
            f"({reason}).{nearest(name, BACKENDS)}"
        )
    if importlib.util.find_spec(name) is None:
        raise MissingDependencyError.of(name, name, f"The Keras backend ({reason})")
    return Choice(name, reason)


def _stored_backend(file: Path) -> str | None:
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = stored.get("backend") if isinstance(stored, dict) else None
    return name if isinstance(name, str) else None


def _keras_config() -> Path:
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "keras.json"
