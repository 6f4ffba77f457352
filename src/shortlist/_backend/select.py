"""Choose the Keras backend before Keras is imported for the first time."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from shortlist.errors import MissingDependencyError

BACKENDS = ("jax", "tensorflow", "torch")


def choose_backend() -> str | None:
    """Set ``KERAS_BACKEND`` to the first installed backend, unless the user has chosen one.

    Keras alone would try TensorFlow and stop where only JAX or PyTorch is installed. The order is
    JAX, TensorFlow, PyTorch. Returns the name it set, or None where the choice was the user's.

    Raises:
        MissingDependencyError: Keras or every one of its backends is missing.
    """
    if "keras" in sys.modules:
        return None
    if importlib.util.find_spec("keras") is None:
        raise MissingDependencyError.of("keras", "jax", "Training and neural models")
    if os.environ.get("KERAS_BACKEND") or _keras_config().exists():
        return None
    for name in BACKENDS:
        if importlib.util.find_spec(name) is not None:
            os.environ["KERAS_BACKEND"] = name
            return name
    raise MissingDependencyError.of("jax", "jax", "Keras")


def _keras_config() -> Path:
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "keras.json"
