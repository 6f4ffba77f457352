"""All that a training run is in the middle of, as arrays and JSON."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist._backend import processes, seeds
from shortlist.errors import BundleError

__all__ = ["random_state", "restore_random_state", "restore_variables", "variables_of"]

Arrays = dict[str, np.ndarray]


def variables_of(model: keras.Model) -> dict[str, list[Any]]:
    """Every variable a step changes: weights and seeds, the optimizer's, the metrics'."""
    return {
        "model": list(model.variables),
        "optimizer": list(model.optimizer.variables),
        "metrics": list(model.metrics_variables),
    }


def arrays_of(groups: Mapping[str, list[Any]]) -> Arrays:
    """Copies of the variables' values, by group and place.

    Of several processes the first alone has them, and the others nothing in their place; but all
    must call it, as parts of a table may lie with each.
    """
    keep = processes.index() == 0
    return {key: to_array(variable, keep=keep) for key, variable in by_key(groups).items()}


def by_key(groups: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The variables by the names under which `arrays_of` has their values."""
    return {
        f"{group}/{place:05d}": variable
        for group, variables in groups.items()
        for place, variable in enumerate(variables)
    }


def to_array(variable: Any, *, keep: bool = True) -> np.ndarray:
    """A copy of one variable's value; float32 for a type that NumPy does not have."""
    value = variable.value
    if keras.backend.standardize_dtype(variable.dtype) == "bfloat16":
        value = ops.cast(value, "float32")
    return processes.whole(value, keep=keep)


def restore_variables(groups: Mapping[str, list[Any]], arrays: Mapping[str, np.ndarray]) -> None:
    """Give the variables the values that `arrays_of` found.

    Raises:
        BundleError: the arrays are of another model; no variable is changed then.
    """
    expected = by_key(groups)
    missing = sorted(set(expected) ^ set(arrays))
    wrong = [key for key, v in expected.items() if key in arrays and not _fits(v, arrays[key])]
    if missing or wrong:
        key = (missing or wrong)[0]
        have = f"an array of shape {arrays[key].shape}" if key in arrays else "no array"
        want = f"{expected[key].path} {tuple(expected[key].shape)}" if key in expected else "none"
        raise BundleError(
            f"The checkpoint is of another model or optimizer: for {key} it has {have}, and the "
            f"variable expected there is {want}. Train the model it was made for, or choose "
            "another folder to start anew."
        )
    for key, variable in expected.items():
        variable.assign(processes.placed(arrays[key], variable))


def _fits(variable: Any, array: np.ndarray) -> bool:
    return tuple(variable.shape) == array.shape


def random_state() -> dict[str, Any]:
    """The state of the process' random generators, for JSON."""
    version, numbers, gauss = random.getstate()
    # Keras' own data adapters draw from NumPy's global generator.
    kind, keys, place, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [str(kind), np.asarray(keys).tolist(), int(place), int(has_gauss), float(cached)],
        "native": seeds.native_state(keras.backend.backend()),
    }


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Set the random generators as `random_state` found them."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002
    seeds.restore_native_state(keras.backend.backend(), state["native"])
