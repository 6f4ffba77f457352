"""The classic program runs, on a small data set here and on MovieLens-100K where time allows."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import polars as pl
import pytest

from shortlist.data import Interactions
from shortlist.datasets import Dataset

PROGRAM = Path(__file__).parents[2] / "examples" / "tfrs" / "quickstart.py"

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="it starts from strings, on TensorFlow"
    ),
]
NAMES = [f"factorized_top_k/top_{k}_categorical_accuracy" for k in (1, 5, 10, 50, 100)]


def small(_name):
    rows = [(user, 5 * (user % 4) + i) for user in range(1, 41) for i in range(5)]
    frame = pl.DataFrame(rows, schema=["user", "item"], orient="row")
    items = pl.DataFrame({"item": range(20), "title": [f"Film {i}" for i in range(20)]})
    return Dataset(
        name="small",
        interactions=Interactions(frame, time=None),
        users=frame.select("user").unique(),
        items=items,
        source="made here",
        folds={},
    )


@pytest.mark.filterwarnings("ignore:.*shuffle=True. was passed:UserWarning")
def test_it_learns_who_likes_what(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("quickstart", PROGRAM)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setattr(program, "movielens", small)
    figures, best = program.main(epochs=30)
    assert set(figures) == {*NAMES, "loss", "regularization_loss", "total_loss"}
    assert figures[NAMES[1]] > 0.95
    # User 12 is one of those who watch the first five films.
    assert set(best) < {f"Film {i}" for i in range(5)}
    printed = capsys.readouterr().out
    assert f"Top 3 recommendations for user 12: {best}" in printed
    assert NAMES[4] in printed


@pytest.mark.slow
def test_it_does_on_movielens_what_it_is_known_for():
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    figures = dict(line.split() for line in lines if line.startswith("  "))
    # TensorFlow Recommenders 0.7.7 itself gives .393 in this program.
    assert float(figures[NAMES[4]]) == pytest.approx(0.393, abs=0.02)
    assert lines[-1].startswith("Top 3 recommendations for user 12: [")
