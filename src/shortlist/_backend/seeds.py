"""The random generators of the frameworks themselves."""

from __future__ import annotations

import importlib


def set_native_seed(backend: str, seed: int) -> None:
    """Seed what native code of the backend draws from; JAX has no such state."""
    if backend == "tensorflow":
        importlib.import_module("tensorflow").random.set_seed(seed)
    elif backend == "torch":
        importlib.import_module("torch").manual_seed(seed)
