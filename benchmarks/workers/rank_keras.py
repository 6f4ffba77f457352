"""Stock Keras: an epoch of DCN-v2 or DLRM on the examples of ``rank-train``, written plainly."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from bench import serve
from rank_examples import BOTTOM, CROSSES, DIM, HIDDEN, RATE, columns


def make(folder: str, model: str, sizes: list[int], batch: int) -> Callable[[], None]:
    import keras
    import numpy as np
    from keras import layers, ops

    codes, numbers, labels = columns(folder)

    def stack(units: tuple[int, ...], x: Any) -> Any:
        for size in units:
            x = layers.Dense(size, activation="relu")(x)
        return x

    def products(vectors: Any) -> Any:
        count = vectors.shape[1]
        dots = ops.reshape(ops.matmul(vectors, ops.swapaxes(vectors, 1, 2)), (-1, count * count))
        return ops.take(dots, np.flatnonzero(np.tri(count, k=-1)).astype("int32"), axis=1)

    inputs = {name: keras.Input((), dtype="int32", name=name) for name in codes}
    inputs |= {name: keras.Input((), name=name) for name in numbers}
    vectors = [
        layers.Embedding(size, DIM)(inputs[name]) for name, size in zip(codes, sizes, strict=True)
    ]
    dense = ops.stack([inputs[name] for name in numbers], axis=1)
    if model == "dcn_v2":
        x0 = x = layers.Concatenate()([*vectors, dense])
        for _ in range(CROSSES):
            x = x0 * layers.Dense(x0.shape[-1])(x) + x
        top = layers.Concatenate()([x, stack(HIDDEN, x0)])
    else:
        bottom = stack((*BOTTOM, DIM), dense)
        crossed = layers.Lambda(products)(ops.stack([*vectors, bottom], axis=1))
        top = stack(HIDDEN, layers.Concatenate()([bottom, crossed]))
    network = keras.Model(inputs, layers.Dense(1)(top))
    network.compile(
        keras.optimizers.Adagrad(RATE), keras.losses.BinaryCrossentropy(from_logits=True)
    )
    given: dict[str, Any] = {"x": {**codes, **numbers}, "y": labels, "batch_size": batch}
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        rows = tf.data.Dataset.from_tensor_slices((given["x"], labels))
        given = {"x": rows.batch(batch).cache()}

    def run() -> None:
        network.fit(**given, epochs=1, verbose=0)

    return run


serve(make)
