"""A Keras model in a bundle: its constructor's arguments as JSON, its weights as safetensors."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.bundle import Draft, Folder
from shortlist.errors import BundleError, ConfigError

__all__ = ["carry_over", "load_keras", "read_model", "to_numpy", "write_model"]


def load_keras() -> Any:
    """Keras, on the backend the library chooses where the user has not.

    It takes seconds to load and only models need it, so it is not imported with the module.
    """
    from shortlist import _backend  # noqa: F401, PLC0415

    return importlib.import_module("keras")


def write_model(draft: Draft, model: Any) -> tuple[Path, dict[int, str]]:
    """Write ``model.get_config()`` and the values of all its weights.

    Returns:
        The file of the weights, and the name of each in it by the ``id`` of its variable.
    """
    weights = _weights(model)
    draft.write_json("config.json", model.get_config())
    arrays = {name: to_numpy(weight) for name, weight in weights.items()}
    path = draft.write_arrays("weights.safetensors", arrays)
    return path, {id(weight): name for name, weight in weights.items()}


def read_model(folder: Folder, kind: Any) -> Any:
    """Build a model of class ``kind`` and give it the stored weights.

    Raises:
        BundleError: the weights stored are not those the model has.
    """
    model = kind.from_config(folder.read_json("config.json"))
    model.build_all()
    stored = folder.read_arrays("weights.safetensors")
    for name, weight in _weights(model).items():
        found = tuple(stored[name].shape) if name in stored else "nothing"
        if found != tuple(weight.shape):
            raise BundleError(
                f"{folder.path} expected the weight {name!r} of shape {tuple(weight.shape)}; "
                f"found {found}. It was written by another version; train the model again."
            )
        weight.assign(stored[name])
    return model


def carry_over(old: Any, new: Any) -> None:
    """Give ``new`` the weights of ``old``; a table that has grown keeps its new rows at the end.

    Raises:
        ConfigError: the models are not made alike.
    """
    new.build_all()
    before, after = _weights(old), _weights(new)
    for (name, source), (own, target) in zip(before.items(), after.items(), strict=False):
        values, rows = to_numpy(source), to_numpy(target).copy()
        if name != own or values.shape[1:] != rows.shape[1:] or len(values) > len(rows):
            raise ConfigError(
                f"A warm start expected the weight {name!r} of shape {values.shape}, or with more "
                f"rows; the new model has {own!r} of {rows.shape}. Configure it as the bundle was."
            )
        rows[: len(values)] = values
        target.assign(rows)
    if len(before) != len(after):
        raise ConfigError(
            f"A warm start expected a model of {len(before)} weights, as the bundle's; the new one "
            f"has {len(after)}. Configure it as the bundle was."
        )


def to_numpy(weight: Any) -> np.ndarray:
    """The value of a Keras variable of any backend."""
    return np.ascontiguousarray(load_keras().ops.convert_to_numpy(weight))


def _weights(model: Any) -> dict[str, Any]:
    """The weights that decide what a model says, by number and name.

    A variable's path depends on what was being called when it was made, and its place does not.
    The state of random generators, of metrics and of optimizers is left out.
    """
    chosen = [w for w in model.weights if "seed_generator" not in w.path]
    return {f"{place:03d}.{weight.name}": weight for place, weight in enumerate(chosen)}
