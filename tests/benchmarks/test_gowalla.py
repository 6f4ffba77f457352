from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from benchmarks import __main__ as program


def test_the_folder_is_asked_for():
    with pytest.raises(SystemExit, match="folder of its data"):
        program.main(["gowalla"])


def test_it_measures_what_is_in_the_folder(tmp_path, capsys):
    draw = np.random.default_rng(0)
    pairs = draw.permutation(np.unique(draw.integers(0, (40, 60), (900, 2)), axis=0))
    for name, part in (("train", pairs[:600]), ("test", pairs[600:])):
        frame = pl.DataFrame({"user": part[:, 0], "item": part[:, 1]})
        frame.write_parquet(tmp_path / f"{name}.parquet")
    program.main(["gowalla", str(tmp_path), "--only", "popularity", "--cores", "1", "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["case"] for line in lines] == ["popularity, recall@20", "popularity, ndcg@20"]
    assert all(0 < line["ours"] < 1 for line in lines)
