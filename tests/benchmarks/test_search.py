from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import search, vectors
from benchmarks.processes import Measured
from benchmarks.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path, quick=True, data=tmp_path / "data")


def test_vectors_are_made_once_and_popular_ones_are_longer(settings: Settings) -> None:
    (line,) = vectors.run(settings)
    assert 0.4 < line.ours < 0.9
    folder = vectors.made(settings, "quick")
    made = np.load(folder / "vectors.npy")
    assert (made.shape, made.dtype) == ((3000, 64), np.float32)
    assert np.load(folder / "queries.npy").shape == (3000, 64)
    before = (folder / "queries.npy").stat().st_mtime_ns
    assert vectors.made(settings, "quick") == folder
    assert (folder / "queries.npy").stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.backend
def test_towers_are_trained_and_popular_items_are_longer(tmp_path: Path) -> None:
    vectors.train(tmp_path, 2000)
    made, met = (np.load(tmp_path / f"{name}.npy") for name in ("vectors", "popularity"))
    assert (made.shape, made.dtype, len(met)) == ((2000, 64), np.float32, 2000)
    assert np.load(tmp_path / "queries.npy").shape == (500, 64)
    assert np.corrcoef(np.linalg.norm(made, axis=1), np.log1p(met))[0, 1] > 0.5


def test_every_asked_pair_is_a_line_for_one_query_and_for_batches(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = dict.fromkeys(("recall", "worst", "build", "memory", "settings"), 0.99)
    measured = Measured(1.0, 1.0, 10.0, {}, {**found, "one": 2.0, "batch": 1.0})
    asked: list[str] = []

    def interleave(sides, cores, rounds, warmups):
        asked.extend(side.name for side in sides)
        return dict.fromkeys(asked, measured)

    monkeypatch.setattr(search, "interleave", interleave)
    monkeypatch.setattr(search, "environment", lambda peer, folder: Path("python"))
    monkeypatch.setattr(vectors, "_QUERIES", 20)
    only = Settings(**{**vars(settings), "only": "quick, Faiss, raw faiss"})
    lines = list(search.run(only))
    assert asked == ["Faiss", "raw faiss"]
    assert [line.case for line in lines] == [
        "quick, Faiss, one query",
        "quick, Faiss, batches of 256",
    ]
    assert (lines[0].ours, lines[1].ours) == (2.0, 1.0)
    truth = np.load(settings.data / "quick" / "truth.npy")
    assert truth.shape == (20, 100)
