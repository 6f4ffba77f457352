"""The random generators of the frameworks themselves."""

from __future__ import annotations

import importlib


def set_native_seed(backend: str, seed: int) -> None:
    """Seed what native code of the backend draws from; JAX has no such state."""
    if backend == "tensorflow":
        importlib.import_module("tensorflow").random.set_seed(seed)
    elif backend == "torch":
        importlib.import_module("torch").manual_seed(seed)


def native_state(backend: str) -> str | None:
    """The state of PyTorch's generator as hexadecimal text; the others show none."""
    if backend != "torch":
        return None
    return bytes(importlib.import_module("torch").get_rng_state().tolist()).hex()


def restore_native_state(backend: str, state: str | None) -> None:
    """Set the generator as `native_state` found it."""
    if backend == "torch" and state is not None:
        torch = importlib.import_module("torch")
        torch.set_rng_state(torch.tensor(list(bytes.fromhex(state)), dtype=torch.uint8))
