"""A bundle in the layouts of others: ONNX alone, TensorFlow, MLflow, Hugging Face."""

from __future__ import annotations

import datetime
import importlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shortlist._version import __version__
from shortlist.bundle import Draft, Folder, read_folder, write_folder
from shortlist.bundle.manifest import MANIFEST
from shortlist.errors import BundleError, ConfigError, MissingDependencyError, nearest
from shortlist.recommender.storage import latest_version

__all__ = ["FORMATS", "export"]

#: What each format is, by its name.
FORMATS = {
    "onnx": "towers and ranker as ONNX files that hold their weights",
    "saved-model": "towers and ranker as TensorFlow SavedModels",
    "mlflow": "an MLflow model whose loader is this library",
    "huggingface": "the bundle as a model repository, ready to be uploaded",
}
_PARAMETERS = [
    {"name": "k", "type": "long", "default": 10, "shape": None},
    {"name": "where", "type": "string", "default": "", "shape": None},
]
_MODELS = {"retriever/parts/model": "towers", "ranker/model": "ranker"}


def export(bundle: Path, out: Path, to: str) -> Path:
    """Write a bundle in another layout to the new folder ``out``, whole or not at all.

    Args:
        bundle: a bundle, or the folder of its versions.
        out: the folder to write.
        to: one of `FORMATS`.

    Returns:
        ``out``.

    Raises:
        BundleError: there is no whole bundle, ``out`` holds something else, or the models have no
            ONNX graphs to export.
        ConfigError: the format is unknown.
        MissingDependencyError: onnx or TensorFlow is needed and not installed.
    """
    if to not in FORMATS:
        raise ConfigError(
            f"Expected a format, one of {[*FORMATS]}; received {to!r}.{nearest(to, FORMATS)}"
        )
    folder = read_folder(latest_version(bundle), kind="recommender")
    writers: dict[str, Callable[[Folder, Draft], None]] = {
        "onnx": _write_onnx,
        "saved-model": _write_saved_models,
        "mlflow": _write_mlflow,
        "huggingface": _write_hub,
    }
    kind = "recommender" if to == "huggingface" else f"export-{to}"
    write_folder(out, lambda draft: writers[to](folder, draft), kind=kind)
    return out


def _write_onnx(folder: Folder, draft: Draft) -> None:
    if importlib.util.find_spec("onnx") is None:
        raise MissingDependencyError.of("onnx", "onnx", "Exporting ONNX files")
    onnx: Any = importlib.import_module("onnx")
    graphs = [name for name in folder.names if name.endswith(".onnx")]
    if not graphs:
        raise BundleError(f"{folder.path} holds no ONNX graphs to export.")
    for name in graphs:
        # Loaded with its weights, it is saved with them.
        onnx.save_model(onnx.load_model(str(folder.file(name))), str(draft.file(Path(name).name)))


def _write_saved_models(folder: Folder, draft: Draft) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        raise MissingDependencyError.of("tensorflow", "tensorflow", "Writing a SavedModel")
    found = {part: name for part, name in _MODELS.items() if f"{part}/config.json" in folder}
    if not found:
        raise BundleError(f"{folder.path} holds no models to export.")
    # In a process of its own: a process has one Keras backend, and this may have another.
    targets = {part: str(draft.folder(name).file("model")) for part, name in found.items()}
    program = "from shortlist.recommender.exporting import save_models; save_models()"
    ended = subprocess.run(  # noqa: S603 - our own code in our own interpreter
        [sys.executable, "-c", program],
        input=json.dumps({"bundle": str(folder.path), "targets": targets}),
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BundleError(f"TensorFlow could not export {folder.path}: {last}")


def save_models() -> None:
    """Write the SavedModels that stdin asks for, in a process whose backend is TensorFlow."""
    from shortlist.models.saved_model import save  # noqa: PLC0415  (loads Keras)
    from shortlist.recommender.models import read_ranker, read_towers  # noqa: PLC0415

    asked = json.load(sys.stdin)
    folder = read_folder(asked["bundle"], kind="recommender")
    for part, target in asked["targets"].items():
        read: Any = read_towers if _MODELS[part] == "towers" else read_ranker
        save(read(folder.folder(part), "keras"), Path(target))


def _write_mlflow(folder: Folder, draft: Draft) -> None:
    """An MLmodel file, which is YAML and so may be JSON, beside the bundle and what it needs."""
    _copy(folder, [*folder.names, MANIFEST], draft, "bundle/")
    now = datetime.datetime.now(datetime.UTC)
    model = {
        "flavors": {
            "python_function": {
                "loader_module": "shortlist.recommender.mlflow_model",
                "data": "bundle",
                "env": {"virtualenv": "python_env.yaml"},
                "python_version": platform.python_version(),
            }
        },
        # Without a signature MLflow drops the parameters of a call.
        "signature": {"inputs": None, "outputs": None, "params": json.dumps(_PARAMETERS)},
        "model_uuid": uuid.uuid4().hex,
        "utc_time_created": now.strftime("%Y-%m-%d %H:%M:%S.%f"),
    }
    needs = [f"shortlist[serve]=={__version__}", "pandas"]
    environment = {
        "python": platform.python_version(),
        "dependencies": ["-r requirements.txt"],
    }
    for name, text in {
        "MLmodel": json.dumps(model, indent=2),
        "python_env.yaml": json.dumps(environment, indent=2),
        "requirements.txt": "\n".join(needs),
    }.items():
        draft.file(name).write_text(text + "\n", encoding="utf-8")


def _write_hub(folder: Folder, draft: Draft) -> None:
    """The bundle itself, which has a model card, and what a repository of large files needs."""
    _copy(folder, folder.names, draft)
    patterns = ("*.safetensors", "*.parquet", "*.onnx")
    attributes = "".join(f"{p} filter=lfs diff=lfs merge=lfs -text\n" for p in patterns)
    draft.file(".gitattributes").write_text(attributes, encoding="utf-8")
    about = folder.read_json("about.json")
    facts = {"library_name": "shortlist", "model_type": "recommender", **about.get("facts", {})}
    draft.write_json("config.json", facts)


def _copy(folder: Folder, names: list[str], draft: Draft, below: str = "") -> None:
    for name in names:
        shutil.copyfile(folder.path / name, draft.file(below + name))
