"""What a `TwoTower` and a `Ranker` answer, from their exported graphs.

Both have the methods of the Keras models that a recommender uses, and no others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from shortlist.bundle.formats import map_array
from shortlist.errors import BundleError, DataError, nearest
from shortlist.inference.graph import NUMBERS
from shortlist.inference.session import Session

__all__ = ["CANDIDATE", "QUERY", "RANKER", "WEIGHTS", "OnnxModel", "OnnxRanker", "OnnxTowers"]

QUERY, CANDIDATE, RANKER = "query.onnx", "candidate.onnx", "ranker.onnx"
WEIGHTS = "weights.safetensors"

# Rows that are worked on at once, so that a catalogue does not fill the memory.
_ROWS = 8192


class OnnxModel:
    """A graph that reads encoded features, as `Encoder.transform` gives them.

    Args:
        path: the graph's file, its weights beside it.
        threads: see `Session`.

    Attributes:
        kinds: the kind of each feature that is read ("categorical", "multi", "numeric",
            "vector"), by name.

    Raises:
        BundleError: the file is damaged, or is no graph of ours.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self._session = Session(path, threads=threads)
        try:
            self.kinds: dict[str, str] = json.loads(self._session.metadata["features"])
        except (KeyError, ValueError) as error:
            raise BundleError(f"{path} does not say which features it reads: {error!r}.") from error
        self._numbers = [n for n, kind in self.kinds.items() if kind in ("numeric", "vector")]

    @property
    def metadata(self) -> dict[str, str]:
        """Texts that were written into the graph."""
        return self._session.metadata

    def __call__(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The output ``[N, ...]`` for features of ``N`` rows, a block of rows at a time.

        Raises:
            DataError: a feature is missing or has the wrong shape.
        """
        rows = len(self._of(features, next(iter(self.kinds))))
        if rows <= _ROWS:
            return self._session(self._packed(features))
        blocks = [
            {name: features[name][start : start + _ROWS] for name in self.kinds}
            for start in range(0, rows, _ROWS)
        ]
        return np.concatenate([self._session(self._packed(block)) for block in blocks])

    def on_numbers(self, matrix: np.ndarray) -> np.ndarray:
        """As `__call__`, for a graph that reads numbers alone: they come as one ``[N, width]``."""
        return self._session({NUMBERS: matrix})

    def _packed(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        arrays = {n: self._of(features, n) for n in self.kinds if n not in self._numbers}
        if self._numbers:
            columns = [self._of(features, name) for name in self._numbers]
            arrays[NUMBERS] = np.concatenate(
                [c[:, None] if c.ndim == 1 else c for c in columns], axis=1, dtype=np.float32
            )
        return arrays

    def _of(self, features: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        if name not in features:
            raise DataError(
                f"The model expected the feature {name!r} in its input; received "
                f"{sorted(features)}.{nearest(name, features)}"
            )
        return features[name]


class OnnxTowers:
    """A two-tower model in a folder of ``query.onnx``, ``candidate.onnx`` and their weights.

    Args:
        folder: where they lie.
        threads: see `Session`.

    Attributes:
        folder: where they lie.
        query, candidate: the two graphs.
        embedding_dim: the length of the vectors without the bias.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self.folder = folder
        self.query = OnnxModel(folder / QUERY, threads=threads)
        self.candidate = OnnxModel(folder / CANDIDATE, threads=threads)
        self.embedding_dim = int(self.query.metadata["embedding_dim"])
        key = self.query.metadata.get("history_table")
        empty = np.empty((0, self.embedding_dim), dtype=np.float32)
        self._history = empty if key is None else map_array(folder / WEIGHTS, key)

    def embed_queries(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The query tower's vectors ``[N, D]`` of encoded features; the last dimension is 1."""
        return self.query(features)

    def embed_candidates(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The candidate tower's vectors ``[N, D]``; the last dimension is the item's bias."""
        return self.candidate(features)

    def history_table(self) -> np.ndarray:
        """``[codes, D - 1]``: what each item adds to a query whose history holds it."""
        return self._history


class OnnxRanker:
    """A ranker in a folder of ``ranker.onnx`` and its weights.

    Args:
        folder: where they lie.
        threads: see `Session`.

    Attributes:
        folder: where they lie.
        graph: the graph, of single meetings.
        tasks: what each of its scores is, where it has several; else nothing.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self.folder = folder
        self.graph = OnnxModel(folder / RANKER, threads=threads)
        try:
            self.tasks: tuple[str, ...] = tuple(json.loads(self.graph.metadata.get("tasks", "[]")))
        except (TypeError, ValueError) as error:
            raise BundleError(f"{folder / RANKER} does not say what it scores: {error}.") from error

    def score(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The scores, float32 and of the features' leading shape: ``[N]`` or ``[B, L]``.

        A ranker of several tasks has ``[N, T]`` or ``[B, L, T]``.
        """
        name, kind = next(iter(self.graph.kinds.items()))
        shape = np.shape(features.get(name, ()))
        leading = shape[:-1] if kind in ("multi", "vector") else shape
        flat = {
            name: np.reshape(features[name], (-1, *np.shape(features[name])[len(leading) :]))
            for name in self.graph.kinds
            if name in features
        }
        found = self.graph(flat)
        return found.reshape(*leading, *found.shape[1:])

    def score_signals(self, signals: np.ndarray) -> np.ndarray:
        """As `score`, for a ranker of numbers that stand side by side: ``[B, L, F]``.

        They are in the order of ``graph.kinds``.
        """
        flat = signals.reshape(-1, signals.shape[-1])
        found = self.graph.on_numbers(flat)
        return found.reshape(*signals.shape[:-1], *found.shape[1:])
