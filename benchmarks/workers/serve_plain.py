"""The same Keras models behind plain FastAPI: what one writes without a server for the purpose.

python serve_plain.py BUNDLE PORT predict|call
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from shortlist.recommender import Recommender


class Query(BaseModel):
    """Who asks."""

    user: int
    k: int = 10


def plain(recommender: Recommender, how: str) -> None:
    """Let the models be called as everybody calls a Keras model."""
    import keras

    towers: Any = recommender.retriever.model
    ranker: Any = recommender.ranker.model

    class Queries(keras.Model):
        def call(self, features: Any, training: bool = False) -> Any:
            return towers.query_embeddings(features, training=training)

    def calling(model: Any, names: list[str]) -> Any:
        def outputs(features: dict[str, np.ndarray]) -> np.ndarray:
            arrays = {name: np.asarray(features[name]) for name in names}
            if how == "predict":
                return model.predict(arrays, verbose=0)
            return keras.ops.convert_to_numpy(model(arrays))

        return outputs

    towers.embed_queries = calling(Queries(), list(towers.query_tower.features))
    ranker.score = calling(ranker, list(ranker.features))


def main() -> None:
    bundle, port, how = sys.argv[1:]
    recommender = Recommender.load(bundle, engine="keras")
    plain(recommender, how)
    app = FastAPI()

    @app.post("/v1/recommend")
    async def recommend(query: Query) -> dict[str, Any]:
        found = recommender.recommend([query.user], query.k)
        return {"items": [{"item": item, "score": score} for item, score in next(iter(found))]}

    uvicorn.run(app, port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
