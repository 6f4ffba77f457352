"""`Graph`: an ONNX graph in the making, of standard operators only."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.bundle.formats import array_places
from shortlist.errors import BundleError, MissingDependencyError

__all__ = ["NUMBERS", "OPSET", "Graph", "has_onnx"]

# Every operator used has stood still since, and ONNX Runtime reads it from 1.12 (2022) on.
OPSET = 17
_IR_VERSION = 8

#: The input that holds all numbers and vectors side by side, ``[rows, width]``.
NUMBERS = ":numbers"


def has_onnx() -> bool:
    """Whether graphs can be written here."""
    return importlib.util.find_spec("onnx") is not None


class Graph:
    """Collects nodes; every method that adds something returns the name of its value.

    Weights are not copied into the graph: they are *external data* (a part of the ONNX standard)
    and lie in the safetensors file in the graph's own folder, where the graph says at which byte.
    So a table of a million rows is on disk once, and is mapped into memory once.

    Args:
        name: of the graph.
        weights: the safetensors file with the weights, in the folder the graph will be saved in.

    Raises:
        MissingDependencyError: the library onnx is not installed.
        BundleError: the file of weights is none.
    """

    def __init__(self, name: str, weights: Path) -> None:
        if not has_onnx():
            raise MissingDependencyError.of("onnx", "onnx", "Exporting a model")
        self.name = name
        self._onnx: Any = importlib.import_module("onnx")
        self._weights = weights
        self._places = array_places(weights)
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._initializers: dict[str, Any] = {}
        self.metadata: dict[str, str] = {}

    def input(self, name: str, dtype: Any, shape: Sequence[int | str]) -> str:
        """An input; names in ``shape`` are dimensions that may differ from call to call."""
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._inputs.append(self._onnx.helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """A small array that is written into the graph itself."""
        name = f"constant_{len(self._initializers)}"
        array = np.asarray(value, dtype=dtype)
        self._initializers[name] = self._onnx.numpy_helper.from_array(array, name)
        return name

    def weight(self, key: str) -> str:
        """A float32 array of the file of weights.

        Raises:
            BundleError: the file has no such array, or it is not float32.
        """
        if key in self._initializers:
            return key
        place = self._places.get(key)
        if place is None or place.dtype != "F32":
            raise BundleError(
                f"{self._weights} expected a float32 array {key!r}; found {place} among "
                f"{sorted(self._places)}."
            )
        tensor = self._onnx.TensorProto(
            name=key, data_type=self._onnx.TensorProto.FLOAT, dims=place.shape
        )
        tensor.data_location = self._onnx.TensorProto.EXTERNAL
        entries = {"location": self._weights.name, "offset": place.offset, "length": place.length}
        for name, value in entries.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = name, str(value)
        self._initializers[key] = tensor
        return key

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The output of a new node of operator ``kind``."""
        name = f"{kind.lower()}_{len(self._nodes)}"
        node = self._onnx.helper.make_node(kind, list(inputs), [name], name=name, **attributes)
        self._nodes.append(node)
        return name

    def save(self, path: Path, output: str, *, shape: Sequence[int | str]) -> None:
        """Check the graph and write it to ``path``, beside its weights.

        Args:
            path: the file to write.
            output: the value that is the graph's float32 output; it is called ``"output"`` there.
            shape: the shape of the output.

        Raises:
            BundleError: ``path`` is not in the folder of the weights.
        """
        if os.path.realpath(path.parent) != os.path.realpath(self._weights.parent):
            raise BundleError(
                f"Expected a graph in the folder of its weights, {self._weights.parent}; "
                f"received {path}."
            )
        helper = self._onnx.helper
        self._nodes.append(helper.make_node("Identity", [output], ["output"], name="output"))
        value = helper.make_tensor_value_info("output", self._onnx.TensorProto.FLOAT, list(shape))
        graph = helper.make_graph(
            self._nodes, self.name, self._inputs, [value], [*self._initializers.values()]
        )
        model = helper.make_model(
            graph,
            producer_name="shortlist",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
        )
        helper.set_model_props(model, self.metadata)
        path.write_bytes(model.SerializeToString(deterministic=True))
        self._onnx.checker.check_model(str(path), full_check=True)
