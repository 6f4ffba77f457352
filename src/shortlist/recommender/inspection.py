"""What a bundle holds, whether it is whole, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.bundle import Folder, read_folder
from shortlist.recommender.models import Engine
from shortlist.recommender.pipeline import Recommender
from shortlist.recommender.storage import latest_version

__all__ = ["diff", "show", "verify"]


def show(path: Path) -> dict[str, Any]:
    """What a bundle holds: sizes, parts, data, split, metrics, versions. Every file is verified.

    Raises:
        BundleError: there is no bundle, or it is damaged.
    """
    folder = _open(path)
    about = folder.read_json("about.json")
    return {
        "bundle": folder.path,
        **_size(folder),
        **about.get("facts", {}),
        "models": _models(folder),
        **{key: about[key] for key in ("data", "split", "seed", "libraries") if key in about},
        "metrics": about.get("metrics", {}),
    }


def verify(path: Path, *, engine: Engine = "auto") -> dict[str, Any]:
    """Verify every file, load the recommender, let its models repeat their golden answers, and ask.

    Returns:
        What was verified.

    Raises:
        BundleError: something is not as it was written.
    """
    folder = _open(path)
    recommender = Recommender.load(folder.path, engine=engine)
    known = recommender.users.histories.users[:1]
    answered = recommender.recommend([None, *known.tolist()], k=min(10, recommender.size))
    return {
        "bundle": folder.path,
        **_size(folder),
        "models": _models(folder),
        "answers": int(answered.valid.any(axis=1).sum()),
        "whole": True,
    }


def diff(one: Path, other: Path, *, users: int = 100, k: int = 10) -> dict[str, Any]:
    """How bundle ``other`` differs from ``one``.

    Args:
        one: a bundle.
        other: another.
        users: how many of the users that both know are asked of both.
        k: the length of the lists that are compared.

    Returns:
        ``settings``: path -> the two values, for all that is not equal in the configurations;
        ``metrics``: model -> metric -> the two values; ``items`` and ``users``: how many came and
        went; ``answers``: how much of the lists is the same.

    Raises:
        BundleError: one of them is damaged.
    """
    folders = [_open(one), _open(other)]
    abouts = [folder.read_json("about.json") for folder in folders]
    settings = [
        dict(_leaves({**about, "recommender": folder.read_json("recommender.json")}))
        for about, folder in zip(abouts, folders, strict=True)
    ]
    keys = [key for key in dict.fromkeys([*settings[0], *settings[1]]) if not _metric(key)]
    loaded = [Recommender.load(folder.path) for folder in folders]
    ids = [found.items["item"].to_list() for found in loaded]
    people = [found.users.histories.users.tolist() for found in loaded]
    return {
        "bundles": [folder.path for folder in folders],
        "bytes": [_size(folder)["bytes"] for folder in folders],
        "settings": {
            key: [found.get(key) for found in settings]
            for key in keys
            if settings[0].get(key) != settings[1].get(key)
        },
        "metrics": _metrics(*(about.get("metrics", {}) for about in abouts)),
        "items": _moved(*ids),
        "users": _moved(*people),
        "answers": _answers(loaded, _both(*people)[:users], min(k, *map(len, ids))),
    }


def _open(path: Path) -> Folder:
    return read_folder(latest_version(path), kind="recommender")


def _size(folder: Folder) -> dict[str, Any]:
    files = folder.manifest.files
    return {
        "fingerprint": folder.manifest.fingerprint,
        "written_by": folder.manifest.written_by,
        "files": len(files),
        "bytes": sum(entry.size for entry in files.values()),
    }


def _models(folder: Folder) -> dict[str, str]:
    """What runs each model, by the part it stands in."""
    ending, trees = "/export.json", "/trees/trees.json"
    boosted = {n.removesuffix(trees): "LightGBM" for n in folder.names if n.endswith(trees)}
    return boosted | {
        name.removesuffix(ending): "Keras: " + problem
        if (problem := folder.read_json(name)["problem"])
        else "ONNX"
        for name in folder.names
        if name.endswith(ending)
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, entry in value.items():
            yield from _leaves(entry, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _metric(path: str) -> bool:
    return path.partition(".")[0] in ("metrics", "facts")


def _metrics(
    one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, list[Any]]]:
    found = {
        model: {
            name: [one.get(model, {}).get(name), other.get(model, {}).get(name)]
            for name in dict.fromkeys([*one.get(model, {}), *other.get(model, {})])
        }
        for model in dict.fromkeys([*one, *other])
    }
    return {
        model: changed
        for model, values in found.items()
        if (changed := {name: pair for name, pair in values.items() if pair[0] != pair[1]})
    }


def _moved(one: list[Any], other: list[Any]) -> dict[str, int]:
    return {
        "before": len(one),
        "after": len(other),
        "added": len(set(other) - set(one)),
        "removed": len(set(one) - set(other)),
    }


def _both(one: list[Any], other: list[Any]) -> list[Any]:
    known = set(other)
    return [user for user in one if user in known]


def _answers(recommenders: list[Recommender], users: list[Any], k: int) -> dict[str, Any]:
    """The mean share of the items of the first bundle's lists that the second shows as well."""
    if not users:
        return {"users": 0, "k": k, "overlap": None, "identical": None}
    lists = [found.recommend(users, k).lists() for found in recommenders]
    shares = [
        len(set(mine) & set(theirs)) / len(mine) if mine else float(not theirs)
        for mine, theirs in zip(*lists, strict=True)
    ]
    same = [mine == theirs for mine, theirs in zip(*lists, strict=True)]
    return {
        "users": len(users),
        "k": k,
        "overlap": float(np.mean(shares)),
        "identical": float(np.mean(same)),
    }
