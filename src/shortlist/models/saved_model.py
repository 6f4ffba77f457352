"""`TwoTower` and `Ranker` as TensorFlow SavedModels, by Keras' own exporter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from shortlist import _backend  # noqa: F401
from shortlist.features import FeatureInfo
from shortlist.models.ranker import Ranker
from shortlist.models.two_tower import TwoTower

__all__ = ["save"]


def save(model: TwoTower | Ranker, path: Path) -> list[str]:
    """Write ``model`` to the folder ``path``, for TensorFlow Serving and the like.

    Every endpoint reads one dict of encoded features, in batches of any size.

    Returns:
        The names of the endpoints: ``query`` and ``candidate``, or ``score``.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    endpoints: dict[str, tuple[Callable[[Any], Any], Mapping[str, FeatureInfo]]]
    if isinstance(model, TwoTower):
        endpoints = {
            "query": (model.query_embeddings, model.query_tower.features),
            "candidate": (model.candidate_embeddings, model.candidate_tower.features),
        }
    else:
        endpoints = {"score": (model.answers, model.features)}
    for name, (function, features) in endpoints.items():
        signature = {feature: _spec(feature, info) for feature, info in features.items()}
        archive.add_endpoint(name, function, input_signature=[signature])
    archive.write_out(str(path), verbose=False)
    return [*endpoints]


def _spec(name: str, info: FeatureInfo) -> Any:
    widths = {"multi": (info.length,), "vector": (info.dim,)}
    dtype = "float32" if info.kind in ("numeric", "vector") else "int32"
    return keras.InputSpec(shape=(None, *widths.get(info.kind, ())), dtype=dtype, name=name)
