"""Ours: a ranker by name on the click task, once for each seed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench import serve
from ctr_data import Clicks


def make(
    ranker: str,
    seeds: int,
    epochs: int,
    rows: int | None = None,
    rate: float = 0.001,
    decay: float = 0.1,
    batch: int = 1024,
    **options: Any,
) -> Callable[[], dict[str, Any]]:
    import numpy as np

    from shortlist.metrics import auc, gauc, log_loss
    from shortlist.ranking import make_ranker

    clicks = Clicks(rows)
    labels = clicks.test["label"]

    def trained(seed: int) -> tuple[Any, int, float]:
        """A ranker, its epochs and the CPU seconds of one."""
        import keras

        from shortlist.training import set_seed

        set_seed(seed)
        model = make_ranker(ranker, clicks.encoder, **options)
        model.compile(keras.optimizers.AdamW(rate, weight_decay=decay))
        clock = Clock(keras)
        stop = keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=2, restore_best_weights=True
        )
        model.fit(
            clicks.train,
            validation_data=clicks.validation,
            batch_size=batch,
            validation_batch_size=4096,
            epochs=epochs,
            callbacks=[clock.callback, stop],
            verbose=0,
        )
        return model, stop.best_epoch + 1, clock.epoch()

    def boosted(seed: int) -> tuple[Any, int, float]:
        model = make_ranker(ranker, clicks.encoder, seed=seed, threads=1, **options)
        begin = time.process_time()
        model.fit(clicks.train, clicks.validation)
        return model, 1, time.process_time() - begin

    def run() -> dict[str, Any]:
        found: dict[str, list[float]] = {}
        for seed in range(seeds):
            model, count, seconds = (boosted if ranker == "lightgbm" else trained)(seed)
            scores = model.score(clicks.asked())
            for name, value in {
                "auc": auc(labels, scores),
                "log_loss": log_loss(labels, 0.5 * (1 + np.tanh(0.5 * scores.astype(float)))),
                "gauc": gauc(labels, scores, clicks.users),
                "epochs": count,
                "seconds": seconds,
            }.items():
                found.setdefault(name, []).append(float(value))
        return found

    return run


class Clock:
    """The CPU seconds of the epochs but the first, which compiles."""

    def __init__(self, keras: Any) -> None:
        self._begin, self._taken = 0.0, list[float]()
        self.callback = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda *_, **__: self._start(),
            # Before the validation, whose first batch marks the end of the training.
            on_train_batch_end=lambda *_, **__: self._stop(),
            on_epoch_end=lambda *_, **__: self._taken.append(self._last),
        )
        self._last = 0.0

    def _start(self) -> None:
        self._begin = time.process_time()

    def _stop(self) -> None:
        self._last = time.process_time() - self._begin

    def epoch(self) -> float:
        taken = sorted(self._taken[1:] or self._taken)
        return taken[len(taken) // 2]


if __name__ == "__main__":
    serve(make)
