"""Train a two-tower model on drawn events, and write where it places the items and some users."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

_PER_ITEM, _EPOCHS, _BATCH, _DIM = 10, 3, 4096, 64


def train(folder: str, items: int, queries: int) -> None:
    """Write ``vectors.npy``, ``queries.npy`` and ``popularity.npy``, how often each item was met.

    Users choose among 16 items drawn by a Zipf law (exponent 0.7) by a taste of 16 dimensions; ten
    events an item, a quarter as many users as items. Both towers are an embedding of the id, as in
    TFRS's quickstart, with the in-batch softmax and its logQ correction, by Adagrad at 0.1.
    """
    import keras
    import numpy as np

    from shortlist.data import Batches
    from shortlist.datasets import synthetic
    from shortlist.layers import Embedding
    from shortlist.models import Model
    from shortlist.tasks import Retrieval
    from shortlist.training import BatchDataset

    users = items // 4
    size = {"users": users, "items": items, "interactions": _PER_ITEM * items}
    data = synthetic(**size, dim=16, popularity=0.7, choices=16)
    frame = data.interactions.frame
    columns = {name: frame[name].to_numpy().astype(np.int32) - 1 for name in ("user", "item")}
    del data, frame
    met = np.bincount(columns["item"], minlength=items)
    share = keras.ops.convert_to_tensor((met / met.sum()).astype(np.float32))

    class Towers(Model):
        def __init__(self) -> None:
            super().__init__()
            self.users, self.items = Embedding(users, _DIM), Embedding(items, _DIM)
            self.task = Retrieval()

        def compute_loss(self, features: dict[str, Any], training: bool = False) -> Any:
            return self.task(
                self.users(features["user_unique"]),
                self.items(features["item_unique"]),
                query_rows=features["user_inverse"],
                positives=features["item_inverse"],
                candidate_counts=features["item_counts"],
                candidate_sampling_probability=keras.ops.take(share, features["item_unique"]),
            )

    model = Towers()
    model.compile(keras.optimizers.Adagrad(0.1))
    batches = Batches(columns, _BATCH, unique=["user", "item"], pad=True)
    model.fit(BatchDataset(batches), epochs=_EPOCHS, shuffle=False, verbose=2)
    place = Path(folder)
    asked = np.random.default_rng(0).choice(users, min(queries, users), replace=False)
    found = keras.ops.convert_to_numpy(model.users.table)[asked]
    np.save(place / "popularity.npy", met)
    np.save(
        place / "vectors.npy", np.ascontiguousarray(keras.ops.convert_to_numpy(model.items.table))
    )
    # Last, for a folder with queries counts as made.
    np.save(place / "queries.npy", np.ascontiguousarray(found, dtype=np.float32))


train(**json.loads(sys.argv[1]))
