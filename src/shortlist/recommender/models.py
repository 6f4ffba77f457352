"""The models of a recommender in its bundle: Keras weights, ONNX graphs over them, golden answers.

config.json            the constructor's arguments     -> Keras, to train on
weights.safetensors    every weight, once              -> Keras and ONNX
*.onnx                 graphs that point at the weights -> ONNX Runtime, to serve
golden.safetensors     questions and answers           replayed whenever the graphs are loaded
export.json            whether there are graphs, and why not

A ranker has its name beside them, in ranker.json; one of LightGBM has trees/ in their place.
"""

from __future__ import annotations

import importlib.util
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from shortlist.bundle import Draft, Folder
from shortlist.errors import BundleError, ConfigError, MissingDependencyError
from shortlist.inference import OnnxRanker, OnnxTowers, golden, has_runtime
from shortlist.inference.models import CANDIDATE, QUERY, RANKER, OnnxModel
from shortlist.ranking.boosted import BoostedTrees
from shortlist.ranking.registry import ranker_class, ranker_name
from shortlist.recommender.weights import read_model, write_model

if TYPE_CHECKING:
    from shortlist.models import TwoTower

__all__ = [
    "Engine",
    "NotExportedWarning",
    "RankerModel",
    "Towers",
    "read_ranker",
    "read_towers",
    "write_ranker",
    "write_towers",
]

#: What runs the models: "auto" takes ONNX Runtime where it is installed and there are graphs.
Engine = Literal["auto", "onnx", "keras"]

Answer = Callable[[dict[str, np.ndarray]], np.ndarray]


class NotExportedWarning(UserWarning):
    """A model is saved, or served, without ONNX graphs, so that it needs Keras."""


class Towers(Protocol):
    """What retrieval needs of a two-tower model: a `TwoTower` and an `OnnxTowers` are such."""

    embedding_dim: int

    def embed_queries(self, features: Any) -> np.ndarray:
        """Vectors ``[N, D]`` of encoded queries."""

    def embed_candidates(self, features: Any) -> np.ndarray:
        """Vectors ``[N, D]`` of encoded candidates."""

    def history_table(self) -> np.ndarray:
        """``[codes, D - 1]``: what each item adds to a query whose history holds it."""


class RankerModel(Protocol):
    """What ranking needs of a model: rankers of Keras, `BoostedTrees` and `OnnxRanker` are such."""

    def score(self, features: Any) -> np.ndarray:
        """Scores of the leading shape of the features; of several tasks, ``T`` of each."""


def write_towers(draft: Draft, model: Towers) -> None:
    """Write a two-tower model, from Keras or as it was loaded.

    Warns:
        NotExportedWarning: it cannot be exported; why is said and written down.
    """
    if isinstance(model, OnnxTowers):
        _copy(model.folder, draft)
        return
    keras_model: Any = model
    query, candidate = keras_model.query_tower, keras_model.candidate_tower
    _write(
        draft,
        model,
        {
            QUERY: (query.features, model.embed_queries),
            CANDIDATE: (candidate.features, model.embed_candidates),
        },
    )


def write_ranker(draft: Draft, model: RankerModel) -> None:
    """Write a ranker, from Keras, LightGBM or as it was loaded.

    Raises:
        ConfigError: its class is none that can be loaded again.

    Warns:
        NotExportedWarning: it cannot be exported; why is said and written down.
    """
    if isinstance(model, OnnxRanker):
        _copy(model.folder, draft)
        return
    name = ranker_name(model)
    if name is None:
        raise ConfigError(
            f"A saved ranker expected a class of shortlist.ranking.RANKERS; received "
            f"{type(model).__name__}, which could not be loaded again."
        )
    draft.write_json("ranker.json", {"name": name})
    ranker: Any = model
    if isinstance(model, BoostedTrees):
        model.write(draft.folder("trees"))
        asked = golden.questions(model.features)
        _write_golden(draft, {RANKER: asked}, {RANKER: model.score(asked)})
        return
    _write(draft, model, {RANKER: (ranker.features, ranker.score)})


def read_towers(folder: Folder, engine: Engine = "auto", *, threads: int = 1) -> Towers:
    """Open what `write_towers` wrote; see `Recommender.load`."""
    if _wants_onnx(folder, engine):
        towers = OnnxTowers(folder.path, threads=threads)
        graphs = {QUERY: towers.query, CANDIDATE: towers.candidate}
        _replay(folder, {name: (graph, graph.kinds) for name, graph in graphs.items()})
        return towers
    from shortlist.models import TwoTower  # noqa: PLC0415  (loads Keras, so only when needed)

    model: TwoTower = read_model(folder, TwoTower)
    return model


def read_ranker(folder: Folder, engine: Engine = "auto", *, threads: int = 1) -> RankerModel:
    """Open what `write_ranker` wrote; see `Recommender.load`.

    Raises:
        BundleError: it has a name that this version does not know.
        MissingDependencyError: it was made with LightGBM, which is not installed.
    """
    # Bundles had no such file when there was one ranker.
    name = folder.read_json("ranker.json")["name"] if "ranker.json" in folder else "mlp"
    if name == "lightgbm":
        trees = BoostedTrees.read(folder.folder("trees"))
        trees.threads = threads
        _replay(folder, {RANKER: (trees.score, trees.features)})
        return trees
    if _wants_onnx(folder, engine):
        ranker = OnnxRanker(folder.path, threads=threads)
        _replay(folder, {RANKER: (ranker.graph, ranker.graph.kinds)})
        return ranker
    try:
        kind = ranker_class(name)
    except ConfigError as error:
        raise BundleError(
            f"{folder.path} holds a ranker that this version does not know: {error} Load it with "
            "the version that wrote it."
        ) from error
    model: RankerModel = read_model(folder, kind)
    return model


def _write(
    draft: Draft, model: Any, graphs: Mapping[str, tuple[Mapping[str, Any], Answer]]
) -> None:
    weights, keys = write_model(draft, model)
    asked = {name: golden.questions(features) for name, (features, _) in graphs.items()}
    answers = {name: _answers(name, answer, asked[name]) for name, (_, answer) in graphs.items()}
    problem = _export(model, weights, keys, asked, answers)
    draft.write_json("export.json", {"graphs": [] if problem else [*graphs], "problem": problem})
    if problem is None:
        _write_golden(draft, asked, answers)
        return
    warnings.warn(
        f"The {type(model).__name__} is saved without ONNX graphs, so serving it needs Keras: "
        f"{problem}",
        NotExportedWarning,
        stacklevel=2,
    )


def _write_golden(
    draft: Draft,
    asked: Mapping[str, Mapping[str, np.ndarray]],
    answers: Mapping[str, np.ndarray],
) -> None:
    arrays = {
        f"{name}/{feature}": array
        for name, question in asked.items()
        for feature, array in question.items()
    }
    draft.write_arrays("golden.safetensors", {**arrays, **answers})


def _answers(name: str, answer: Answer, asked: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the model says to a few questions, asked in a batch of a size it has met before.

    JAX compiles every operation for every new size, which takes seconds.
    """
    rows = len(next(iter(asked.values())))
    size = {QUERY: 512, CANDIDATE: 4096}.get(name, rows)
    places = np.arange(size) % rows
    return answer({feature: array[places] for feature, array in asked.items()})[:rows]


def _export(
    model: Any,
    weights: Path,
    keys: dict[int, str],
    asked: Mapping[str, dict[str, np.ndarray]],
    answers: Mapping[str, np.ndarray],
) -> str | None:
    """Draw the graphs and, where they can be run, compare them; None or what is the matter."""
    from shortlist.models.onnx_graphs import draw  # noqa: PLC0415  (loads Keras)

    try:
        for name in draw(model, weights, keys):
            if has_runtime():
                graph = OnnxModel(weights.parent / name)
                golden.replay(name, graph, asked[name], answers[name])
    except (BundleError, ConfigError, MissingDependencyError) as error:
        for name in asked:
            (weights.parent / name).unlink(missing_ok=True)
        return str(error)
    return None


def _wants_onnx(folder: Folder, engine: Engine) -> bool:
    if engine not in ("auto", "onnx", "keras"):
        raise ConfigError(f"engine expected 'auto', 'onnx' or 'keras'; received {engine!r}.")
    said = folder.read_json("export.json")
    if not isinstance(said, dict) or "problem" not in said:
        raise BundleError(
            f"{folder.path}/export.json expected a 'problem' or null; found {said!r}."
        )
    problem = said["problem"]
    if engine == "keras":
        return False
    if problem is None:
        # Where neither is installed, the error names the extra with the runtime.
        return engine == "onnx" or has_runtime() or importlib.util.find_spec("keras") is None
    if engine == "onnx":
        raise BundleError(f"{folder.path} holds no ONNX graphs: {problem} Load it with Keras.")
    warnings.warn(
        f"{folder.path} holds a model without ONNX graphs, so it runs in Keras, which takes more "
        f"time and memory: {problem}",
        NotExportedWarning,
        stacklevel=2,
    )
    return False


def _replay(folder: Folder, models: Mapping[str, tuple[Answer, Iterable[str]]]) -> None:
    """Let each model, which reads those features, repeat its golden answers."""
    stored = folder.read_arrays("golden.safetensors")
    for name, (answer, features) in models.items():
        try:
            asked = {feature: stored[f"{name}/{feature}"] for feature in features}
            answers = stored[name]
        except KeyError as error:
            raise BundleError(f"{folder.path} holds no golden answers for {error}.") from error
        golden.replay(str(folder.path / name), answer, asked, answers)


def _copy(source: Path, draft: Draft) -> None:
    for file in sorted(source.iterdir()):
        shutil.copyfile(file, draft.file(file.name))
