"""Every public name of tensorflow-recommenders 0.7.7 (`make_names.py`) is here, as it is there."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path

import pytest

from shortlist import tfrs

pytestmark = pytest.mark.backend

RECORD = json.loads(Path(__file__).with_name("names.json").read_text(encoding="utf-8"))
# Left out on purpose: it makes optimizers of tf.tpu, and Keras' own are taken as they are.
LEFT_OUT = {"layers.embedding.tpu_embedding_layer.translate_keras_optimizer"}
# Its users write it themselves, and Keras calls it by position.
DIFFERENT = {"Model.compute_loss": ["features", "training"]}
# Methods that are of Keras 2, and their place in Keras 3.
OF_KERAS_2 = {
    "train_step": "the step is chosen by the backend",
    "test_step": "the step is chosen by the backend",
    "update_step": "Keras 3 hands over the learning rate too",
    "apply_gradients": "Keras 3 has neither name nor aggregation here",
    "variables": "a property in Keras 3",
    "build": "named as in Keras 3",
    "from_config": "inherited where nothing differs",
    "reset_states": "reset_state in Keras 3",
    "metrics": "a property of the layer",
}


def parts():
    for module, names in RECORD["modules"].items():
        yield pytest.param(module, names, id=module or "tfrs")


@pytest.mark.parametrize(("module", "names"), list(parts()))
def test_the_names_of_each_module(module, names):
    here = importlib.import_module(f"shortlist.tfrs.{module}".rstrip("."))
    for name, record in names.items():
        path = f"{module}.{name}"
        if path in LEFT_OUT:
            continue
        value = getattr(here, name)
        if isinstance(record, list):
            compare(path, value, record)
            continue
        for member, expected in record.items():
            if member in OF_KERAS_2:
                continue
            if expected == "property":
                assert not callable(vars(value).get(member)), f"{path}.{member}"
                assert hasattr(value, member) or member in dir(value), f"{path}.{member}"
            elif member == "__call__":
                # Keras' own leads to this one.
                compare(f"{path}.call", value.call, expected)
            else:
                compare(f"{path}.{member}", getattr(value, member), expected)


def compare(path, function, expected):
    """Their arguments come first, in their order, with their defaults."""
    parameters = [
        p for p in inspect.signature(function).parameters.values() if p.name not in ("self", "cls")
    ]
    if ".".join(path.split(".")[-2:]) in DIFFERENT:
        expected = [[name, None] for name in DIFFERENT[".".join(path.split(".")[-2:])]]
    rest = [name for name, _ in expected if name.startswith("*")]
    expected = [pair for pair in expected if not pair[0].startswith("*")]
    kinds = {p.kind for p in parameters}
    assert "*args" not in rest or inspect.Parameter.VAR_POSITIONAL in kinds, path
    assert "**kwargs" not in rest or inspect.Parameter.VAR_KEYWORD in kinds, path
    assert len(rest) <= 1, path
    for (name, default), mine in zip(expected, parameters, strict=False):
        assert mine.name == name, path
        assert mine.kind is mine.POSITIONAL_OR_KEYWORD, path
        if default is not None:
            assert repr(mine.default) == default, f"{path}: {name}"
    assert len(parameters) >= len(expected), path
    for extra in parameters[len(expected) :]:
        optional = extra.default is not extra.empty
        assert optional or extra.kind in (extra.VAR_KEYWORD, extra.VAR_POSITIONAL), path


def test_the_record_is_of_the_version_we_follow():
    assert RECORD["version"] == tfrs.__version__ == "v0.7.7"
    assert len(RECORD["modules"]) > 30
