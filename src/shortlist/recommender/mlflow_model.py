"""The loader that an MLflow model of a recommender names: installed code, none in the artifact.

    import mlflow
    model = mlflow.pyfunc.load_model("exported")
    model.predict(pd.DataFrame({"user": [12, 7]}), params={"k": 10})

MLflow calls `_load_pyfunc` with the path of the bundle in the artifact.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shortlist.data.sources import read_source
from shortlist.errors import SchemaError
from shortlist.recommender.pipeline import Recommender

__all__ = ["RecommenderModel"]


class RecommenderModel:
    """A recommender with the ``predict`` that MLflow expects.

    Args:
        recommender: who answers.
    """

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """A row an item for each row of ``model_input``.

        Args:
            model_input: a frame with a column ``user`` and, if wanted, ``history``, lists of items.
            params: ``k`` (default 10) and ``where``.

        Returns:
            A pandas frame with the columns ``user``, ``item``, ``place`` (from 1) and ``score``.

        Raises:
            SchemaError: there is neither of the columns.
            ConfigError, DataError: as for `Recommender.recommend`.
        """
        frame = read_source(model_input)
        if "user" not in frame.columns and "history" not in frame.columns:
            raise SchemaError(f"Expected a column 'user' or 'history'; received {frame.columns}.")
        users = frame["user"].to_list() if "user" in frame.columns else [None] * frame.height
        history = frame["history"].to_list() if "history" in frame.columns else None
        options = dict(params or {})
        found = self.recommender.recommend(
            users,
            int(options.get("k", 10)),
            history=None if history is None else [row or [] for row in history],
            where=options.get("where") or None,
        )
        import pandas as pd  # noqa: PLC0415 - only MLflow needs it, and brings it

        rows = [
            (user, item, place, score)
            for user, pairs in zip(users, found, strict=True)
            for place, (item, score) in enumerate(pairs, start=1)
        ]
        return pd.DataFrame(rows, columns=["user", "item", "place", "score"])


def _load_pyfunc(path: str) -> RecommenderModel:
    return RecommenderModel(Recommender.load(Path(path)))
