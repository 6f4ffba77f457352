"""`Session`: a graph in ONNX Runtime, with its inputs checked and its threads counted."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.errors import BundleError, DataError, MissingDependencyError, nearest

__all__ = ["Input", "Session", "has_runtime"]

_DTYPES = {"tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(float)": np.float32}


def has_runtime() -> bool:
    """Whether ONNX Runtime is installed."""
    return importlib.util.find_spec("onnxruntime") is not None


@dataclass(frozen=True)
class Input:
    """What a graph expects under a name; None in ``shape`` is a dimension of any size."""

    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


class Session:
    """A graph, ready to be called, by several threads at once if need be.

    Args:
        path: the graph's file; its weights may lie beside it.
        threads: how many processor threads one call may use. There are no others: none spins
            while it waits, and calls of several threads run each on its own.

    Attributes:
        inputs: what the graph expects, by name.
        metadata: texts that were written into the graph.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
        BundleError: the file is damaged, or holds an operator that no standard runtime knows.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        if not has_runtime():
            raise MissingDependencyError.of("onnxruntime", "serve", "Running an exported model")
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Shapes differ from call to call, so plans for the memory of one shape are no use.
        options.enable_mem_pattern = False
        options.log_severity_level = 4  # what goes wrong is raised, so it need not be printed too
        try:
            self._session = runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
            self.inputs = {
                entry.name: Input(np.dtype(_DTYPES[entry.type]), _shape(entry.shape))
                for entry in self._session.get_inputs()
            }
        except Exception as error:
            # ONNX Runtime has a class of errors for each code, under no common root of its own.
            raise BundleError(
                f"{path} is not a graph that ONNX Runtime can run: {_first_line(error)}. Write "
                "the bundle again, or copy it again, whole."
            ) from error
        self._path = path
        self._outputs = [entry.name for entry in self._session.get_outputs()]
        self._run = self._session.run

    def __call__(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """The graph's first output for ``arrays`` by the names of `inputs`; others are ignored.

        Raises:
            DataError: an input is missing, of another shape, or holds a code that is in no table.
        """
        feed = {}
        for name, wanted in self.inputs.items():
            if name not in arrays:
                raise DataError(
                    f"{self._path.name} expected the input {name!r}; received {sorted(arrays)}."
                    f"{nearest(name, arrays)}"
                )
            array = arrays[name]
            if array.dtype != wanted.dtype:
                array = array.astype(wanted.dtype)
            if len(array.shape) != len(wanted.shape) or any(
                size is not None and size != found
                for size, found in zip(wanted.shape, array.shape, strict=True)
            ):
                raise DataError(
                    f"{self._path.name} expected the input {name!r} of shape {wanted.shape} (None: "
                    f"any size); received {array.shape}."
                )
            feed[name] = array
        try:
            return np.asarray(self._run(self._outputs, feed)[0])
        except Exception as error:
            raise DataError(
                f"{self._path.name} could not be run on what it was given: {_first_line(error)}."
            ) from error


def _shape(shape: list[Any]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in shape)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")[:300]
