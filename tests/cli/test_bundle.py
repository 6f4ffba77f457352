from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shortlist.baselines import Popularity
from shortlist.data import Interactions
from shortlist.postranking import Pipeline, Seen
from shortlist.recommender import Recommender, UserStore

LOG = Interactions({"user": [1, 1, 2], "item": ["a", "b", "a"], "time": [1, 2, 1]})


def saved(path: Path, seed: int) -> str:
    Recommender(
        Popularity().fit(LOG),
        UserStore.of(LOG),
        pl.DataFrame({"item": ["a", "b", "c"]}),
        fallback=Popularity().fit(LOG),
        postranker=Pipeline([Seen()]),
    ).save(path, about={"seed": seed, "metrics": {"popularity": {"ndcg@10": seed / 100}}})
    return str(path)


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return saved(tmp_path / "b" / "1", 42)


def test_verify(cli: Callable[..., Any], bundle: str) -> None:
    ended = cli("bundle", "verify", bundle)
    assert ended.code == 0
    assert "is whole: " in ended.out
    assert cli("bundle", "verify", bundle, "--json").json["whole"] is True
    Path(bundle, "items.parquet").write_bytes(b"PAR1")
    damaged = cli("bundle", "verify", bundle)
    assert damaged.code == 5
    assert "items.parquet is damaged" in damaged.err


def test_show(cli: Callable[..., Any], bundle: str) -> None:
    ended = cli("bundle", "show", bundle)
    assert ended.code == 0
    for told in ("items", "popularity", "ndcg@10", "0.42", "fingerprint"):
        assert told in ended.out
    assert cli("bundle", "show", bundle, "--json").json["items"] == 3


def test_diff(cli: Callable[..., Any], bundle: str, tmp_path: Path) -> None:
    other = saved(tmp_path / "b" / "2", 7)
    ended = cli("bundle", "diff", bundle, other, "-k", "2")
    assert ended.code == 0
    for told in ("42 -> 7", "0.42 -> 0.07", "items: 3 -> 3", "100% are the same"):
        assert told in ended.out
    found = cli("bundle", "diff", bundle, other, "--json").json
    assert found["settings"] == {"seed": [42, 7]}
    assert cli("bundle", "diff", bundle, str(tmp_path / "none")).code == 5


def test_without_a_command_it_shows_what_there_is(cli: Callable[..., Any]) -> None:
    assert "verify" in cli("bundle", "--help").out


def test_recommend_to_everybody(cli: Callable[..., Any], bundle: str, tmp_path: Path) -> None:
    out = tmp_path / "lists.parquet"
    ended = cli("recommend", bundle, "--all", "--out", str(out), "-k", "2")
    assert ended.code == 0
    assert "1 rows for 2 users" in ended.out
    assert pl.read_parquet(out).columns == ["user", "item", "place", "score"]
    found = cli(
        "recommend",
        bundle,
        "--all",
        "--out",
        str(out),
        "--where",
        "item == 'a'",
        "--json",
        "-k",
        "2",
    )
    assert found.json["rows"] == 0
    for words in (
        ["--all"],
        ["--out", "x"],
        ["--all", "--out", "x", "--user", "1"],
        ["--user", "1", "--engine", "ray"],
    ):
        assert cli("recommend", bundle, *words).code == 2
