"""A training step on tables of 10,000 and of 1,000,000 rows, which look up the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import data
from benchmarks.comparison import Line, compared
from benchmarks.processes import interleave
from benchmarks.settings import Settings, on

__all__ = ["run"]

_UNIT = "s of CPU a step"
_DISTINCT = 10_000
# Ours at the large size: at most this much of ours at the small one, of TFRS, of Keras on JAX.
_BAR_SMALL, _BAR_TFRS, _BAR_KERAS = 1.1, 0.5, 0.35


def run(settings: Settings) -> Iterator[Line]:
    """Ours on both tables, and the peers on the large one, for Adagrad and Adam."""
    for optimizer in ("adagrad", "adam"):
        for cores in settings.cores:
            for backend in settings.backends:
                name = f"1M rows, {optimizer}, {backend}, {on(cores)}"
                if settings.wants(name):
                    yield from _lines(settings, name, optimizer, backend, cores)


def _lines(
    settings: Settings, name: str, optimizer: str, backend: str, cores: tuple[int, ...]
) -> Iterator[Line]:
    batch, steps = (256, 2) if settings.quick else (4096, 8)
    rows = 100_000 if settings.quick else 1_000_000
    large = {**_options(settings, batch * steps, rows), "batch": batch, "optimizer": optimizer}
    small = {**_options(settings, batch * steps, _DISTINCT), "batch": batch, "optimizer": optimizer}
    # Keras on JAX is the fastest of the stock ones and so the one to be measured against.
    stock = "Keras on jax"
    measured = interleave(
        [
            settings.tfrs("train_tfrs.py", **large),
            settings.keras(stock, "train_keras.py", "jax", **large),
            settings.ours("ours at 10k", "train_ours.py", backend, **small),
            settings.ours("ours", "train_ours.py", backend, **large),
        ],
        cores,
        settings.count(5),
    )
    bars = {"ours at 10k": _BAR_SMALL, "TFRS": _BAR_TFRS, stock: _BAR_KERAS}
    for peer, bar in bars.items():
        yield compared(
            "table-size",
            name,
            measured["ours"],
            peer,
            measured[peer],
            unit=_UNIT,
            per=steps,
            at_most=bar if len(cores) == 1 else None,
        )


def _options(settings: Settings, count: int, rows: int) -> dict[str, Any]:
    """Events whose rows are the same but for their place, so that only the table differs."""
    users, items = (data.zipf_codes(count, _DISTINCT, seed) for seed in (1, 2))
    folder = data.events(
        settings.folder / f"spread-{rows}",
        data.spread(users, _DISTINCT, rows),
        data.spread(items, _DISTINCT, rows),
    )
    return {"folder": folder, "users": rows, "items": rows}
