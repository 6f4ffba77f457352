from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.index import Exact, open_index

pytest.importorskip("faiss")


@pytest.fixture
def table(tmp_path):
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((900, 8)).astype(np.float32)
    path = tmp_path / "items.parquet"
    ids = [f"i{n}" for n in range(900)]
    frame = pl.DataFrame({"id": ids, "vector": vectors.tolist(), "year": np.arange(900) + 1900})
    frame.write_parquet(path)
    return path, vectors


def test_build_stats_and_search(cli, table, tmp_path):
    path, vectors = table
    out = tmp_path / "index"
    built = cli("index", "build", str(path), "--out", str(out), "--json")
    assert (built.code, built.json["items"], built.json["attributes"]) == (0, 900, ["year"])
    again = cli("index", "stats", str(out), "--json").json
    assert [again[name] for name in ("items", "dim")] == [900, 8]
    assert "900" in cli("index", "stats", str(out)).out
    found = open_index(out).search(vectors[:3], 4, where="year >= 1950")
    exact = Exact().build(vectors[50:], [f"i{n}" for n in range(50, 900)]).search(vectors[:3], 4)
    assert found.lists() == exact.lists()


def test_tune_saves_what_it_chose(cli, tmp_path):
    vectors = np.random.default_rng(1).standard_normal((900, 8))
    np.save(tmp_path / "v.npy", vectors)
    np.save(tmp_path / "q.npy", vectors[:100])
    (tmp_path / "ids.txt").write_text("\n".join(f"x{n}" for n in range(900)))
    out = str(tmp_path / "index")
    arguments = ("--ids", str(tmp_path / "ids.txt"), "--engine", "faiss", "--out", out)
    assert cli("index", "build", str(tmp_path / "v.npy"), *arguments).code == 0
    asked = ("--queries", str(tmp_path / "q.npy"), "--json")
    # So few items are not divided, and there is nothing to tune.
    assert cli("index", "tune", out, *asked).json["chosen"] is None
    index = open_index(out)
    index.kind = "ivf"
    index.build(vectors, np.arange(900)).save(out)
    tuned = cli("index", "tune", out, *asked, "--recall", "0.9", "-k", "10").json
    assert tuned["reached"]
    assert open_index(out).searched == tuned["chosen"]["searched"]
    assert "chosen" in cli("index", "tune", out, "-k", "10", "--recall", "0.9").out


def test_compare_prints_a_curve_and_draws_it(cli, table, tmp_path):
    path, _ = table
    figure = tmp_path / "curve.svg"
    asked = ("index", "compare", str(path), "--engine", "faiss", "-k", "10", "--recall", "0.9")
    found = cli(*asked, "--figure", str(figure), "--json")
    assert found.code == 0
    assert {row["engine"] for row in found.json["curve"]} == {"exact", "faiss"}
    assert figure.read_text().startswith("<svg")
    assert "ms a query" in cli(*asked).out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("index", "build", "{p}", "--out", "{t}/o", "--engine", "fais"), 2, "'faiss'"),
        (("index", "build", "{p}", "--out", "{t}/o", "--vector-column", "vektor"), 3, "'vector'"),
        (("index", "build", "{p}", "--out", "{t}/o", "--vector-column", "year"), 3, "lists"),
        (("index", "build", "{t}/no.npy", "--out", "{t}/o"), 3, "no.npy"),
        (("index", "build", "{t}/no.csv", "--out", "{t}/o"), 2, "parquet"),
        (("index", "stats", "{t}/no"), 5, "nothing is there"),
        (("index", "compare", "{p}", "--engine", "exact"), 2, "faiss, scann"),
    ],
)
def test_what_is_wrong_is_said(cli, table, tmp_path, words, code, message):
    path, _ = table
    ended = cli(*(word.format(p=path, t=tmp_path) for word in words))
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
