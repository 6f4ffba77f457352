from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist.data import LeakWarning, splits
from shortlist.datasets import fetch, movielens
from shortlist.errors import ChecksumError, ConfigError, DataError, DownloadError

module = sys.modules["shortlist.datasets.movielens"]

GENRES = 19
ITEMS_100K = [
    "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|0|1|1|1" + "|0" * (GENRES - 6),
    "2|Misérables, Les (1995) |01-Jan-1995||http://x|0" + "|0" * 7 + "|1" + "|0" * 10,
    "267|unknown||||1" + "|0" * 18,
    "1412|Land Before Time III: The Time of the Great Giving (1995) (V)|||http://x|0|0|0|1|1"
    + "|0" * 14,
]
RATINGS = [(12, 1, 5, 100), (3, 2, 1, 90), (12, 267, 3, 80), (3, 1412, 4, 85), (12, 2, 2, 70)]
TAB = "".join("\t".join(map(str, row)) + "\n" for row in RATINGS)
COMMAS = "userId,movieId,rating,timestamp\n" + "".join(
    f"{user},{item},{rating - 0.5},{time}\n" for user, item, rating, time in RATINGS
)


def make_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(f"{path.stem}/{name}", text)
    return path


FILES = {
    "100k": {
        "u.data": TAB,
        "u.item": "\n".join(ITEMS_100K).encode("latin-1") + b"\n",
        "u.user": "3|23|M|writer|32067\n12|28|F|other|06405\n",
        **{f"u{k + 1}.test": "\t".join(map(str, row)) + "\n" for k, row in enumerate(RATINGS)},
    },
    "1m": {
        "ratings.dat": TAB.replace("\t", "::"),
        "movies.dat": "1::Toy Story (1995)::Animation|Children's\n"
        "2::Misérables, Les (1995)::Drama\n".encode("latin-1"),
        "users.dat": "3::M::1::20::32067\n12::F::25::0::06405-1234\n",
    },
    "20m": {
        "ratings.csv": COMMAS,
        "movies.csv": 'movieId,title,genres\n1,Toy Story (1995),Animation|Comedy\n'
        '2,"Misérables, Les (1995)",Drama\n267,"The ""Best"" Show",(no genres listed)\n'
        "1412,Serial (2006\u20132008) ,Drama|War\n",
    },
}  # fmt: skip
FILES |= dict.fromkeys(("25m", "32m", "latest-small"), FILES["20m"])


@pytest.fixture
def official(served, monkeypatch):
    """Serve small zips in place of GroupLens' server, each under its own checksum."""
    folder, url = served
    monkeypatch.setattr(module, "_URL", url)
    for name, files in FILES.items():
        path = make_zip(folder / f"ml-{name}.zip", files)
        release = module._RELEASES[name]
        checksum = hashlib.new(release.algorithm, path.read_bytes()).hexdigest()
        monkeypatch.setitem(module._RELEASES, name, replace(release, checksum=checksum))
    return folder


@pytest.fixture
def no_pip(monkeypatch):
    def run(command, **options):
        return subprocess.CompletedProcess(command, 1, "", "No matching distribution found")

    monkeypatch.setattr(fetch.subprocess, "run", run)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("extracted", [False, True])
def test_a_path_may_be_the_zip_or_the_folder(name, extracted, tmp_path):
    path = make_zip(tmp_path / f"ml-{name}.zip", FILES[name])
    if extracted:
        shutil.unpack_archive(path, tmp_path / "out")
        path = tmp_path / "out" / f"ml-{name}"
    data = movielens(name, path)
    frame = data.interactions.frame
    half = 0.5 if "ratings.csv" in FILES[name] else 0.0
    expected = [(user, item, time, rating - half) for user, item, rating, time in RATINGS]
    assert frame.rows() == expected
    assert frame.columns == ["user", "item", "time", "rating"]
    assert (data.name, data.source) == (f"movielens-{name}", str(path))
    assert data.items["title"][:2].to_list() == ["Toy Story (1995)", "Misérables, Les (1995)"]
    assert data.items["year"][:2].to_list() == [1995, 1995]
    assert data.items.columns == ["item", "title", "year", "genres"]
    assert data.users["user"].to_list() == [3, 12] if "100k" in name else True
    assert list(data.folds) == (["u1", "u2", "u3", "u4", "u5"] if name == "100k" else [])


def test_items_and_users_of_100k(tmp_path):
    data = movielens("100k", make_zip(tmp_path / "x.zip", FILES["100k"]))
    assert data.items.rows()[0] == (
        1, "Toy Story (1995)", 1995, ["Animation", "Children's", "Comedy"],
    )  # fmt: skip
    assert data.items.rows()[2:] == [
        (267, "unknown", None, ["unknown"]),
        (1412, "Land Before Time III: The Time of the Great Giving (1995) (V)", 1995,
         ["Animation", "Children's"]),
    ]  # fmt: skip
    assert data.users.rows() == [(3, "M", 23, "writer", "32067"), (12, "F", 28, "other", "06405")]


def test_users_of_1m(tmp_path):
    data = movielens("1m", make_zip(tmp_path / "x.zip", FILES["1m"]))
    assert data.users.rows() == [
        (3, "M", 1, "writer", "32067"),
        (12, "F", 25, "other", "06405-1234"),
    ]


def test_items_of_the_csv_sets(tmp_path):
    data = movielens("25m", make_zip(tmp_path / "x.zip", FILES["25m"]))
    assert data.items.rows()[2:] == [
        (267, 'The "Best" Show', None, []),
        (1412, "Serial (2006\u20132008)", 2006, ["Drama", "War"]),
    ]
    assert data.users.rows() == [(12,), (3,)]


@pytest.mark.parametrize("name", FILES)
def test_the_official_zip_is_fetched_once_and_its_terms_shown(name, official, cache, capsys):
    data = movielens(name)
    assert data.source == str(cache / "movielens" / f"ml-{name}.zip")
    out, said = capsys.readouterr()
    assert out == ""
    assert "GroupLens" in said
    assert f"ml-{name}-README" in said
    shutil.rmtree(official)
    assert movielens(name).interactions.frame.equals(data.interactions.frame)
    assert capsys.readouterr() == ("", "")


def test_a_wrong_checksum_is_never_replaced_by_another_source(official, cache, no_pip):
    make_zip(official / "ml-100k.zip", FILES["100k"] | {"more": "bytes"})
    with pytest.raises(ChecksumError, match=r"ml-100k.zip sent is not what was expected"):
        movielens("100k")
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_damaged_file_in_the_cache(official, cache):
    movielens("1m")
    path = cache / "movielens" / "ml-1m.zip"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ChecksumError, match=r"ml-1m.zip expected sha256 .*delete it and try again"):
        movielens("1m")


def test_without_a_network_100k_comes_from_the_wheel(
    movielens_100k, unreachable, cache, monkeypatch, capsys
):
    if not movielens_100k.source.endswith(".whl"):
        pytest.skip("the official file is in the cache, so there is no wheel to serve")
    monkeypatch.setattr(module, "_URL", unreachable)

    def run(command, **options):
        shutil.copy(movielens_100k.source, command[command.index("--dest") + 1])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch.subprocess, "run", run)
    data = movielens()
    assert data.source == str(cache / "movielens" / module._WHEEL.name)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"Cannot fetch {unreachable}ml-100k.zip")
    assert said[0].endswith("Taking the copy in the wheel recbole==1.2.1 instead.")
    assert data.interactions.frame.equals(movielens_100k.interactions.frame)


def test_without_any_network(unreachable, cache, monkeypatch, no_pip):
    monkeypatch.setattr(module, "_URL", unreachable)
    with pytest.raises(DownloadError, match=r"No matching distribution.*path='ml-100k.zip'"):
        movielens("100k")
    with pytest.raises(DownloadError, match=r"refused.*elsewhere.*movielens\('20m', path="):
        movielens("20m")
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_what_is_at_the_path_must_fit(tmp_path):
    path = make_zip(tmp_path / "ml-1m.zip", FILES["1m"])
    with pytest.raises(DataError, match=r"u.data, u.item, u.user missing, found \['movies.dat'"):
        movielens("100k", path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match="damaged or cut short"):
        movielens("1m", path)
    with pytest.raises(DataError, match="zip or an extracted folder"):
        movielens("1m", tmp_path / "none")


def test_unknown_names():
    with pytest.raises(ConfigError, match=r"received '100m'\. Did you mean '100k'"):
        movielens("100m")


def test_folds_are_the_fifths_of_the_file_and_leak(tmp_path):
    data = movielens("100k", make_zip(tmp_path / "x.zip", FILES["100k"]))
    with pytest.warns(LeakWarning, match="Fold u2 is a random split"):
        fold = data.folds["u2"]
    assert fold.test.frame["item"].to_list() == [2]
    assert fold.train.frame["item"].to_list() == [1, 267, 1412, 2]
    assert (fold.name, fold.validation, len(data.folds)) == ("u2", None, 5)
    with pytest.raises(KeyError):
        data.folds["u6"]


def test_fold_files_that_disagree_with_the_rule(tmp_path):
    files = FILES["100k"] | {"u3.test": "1\t1\t1\t1\n"}
    with pytest.raises(DataError, match=r"u3.test in .* have been changed"):
        movielens("100k", make_zip(tmp_path / "x.zip", files))


def test_the_real_100k_is_as_in_the_original(movielens_100k):
    facts = movielens_100k.interactions.facts()
    assert facts == {
        "rows": 100_000,
        "users": 943,
        "items": 1682,
        "density": pytest.approx(100_000 / (943 * 1682)),
        "first_time": 874724710,
        "last_time": 893286638,
        "duplicates": 0,
        "users_with_one_interaction": 0,
    }
    items = movielens_100k.items
    assert (items.height, items["title"].n_unique()) == (1682, 1664)
    title = dict(zip(items["item"], items["title"], strict=True))
    assert title[1] == "Toy Story (1995)"
    assert title[267] == "unknown"
    assert title[1201] == "Marlene Dietrich: Shadow and Light (1996)"
    assert title[1412] == "Land Before Time III: The Time of the Great Giving (1995) (V)"
    assert "Man Without a Face, The (1993)" in title.values()
    assert items.filter(pl.col("year").is_null())["item"].to_list() == [267]
    users = movielens_100k.users
    assert users.height == 943
    assert users.row(by_predicate=pl.col("user") == 12) == (12, "F", 28, "other", "06405")


@pytest.mark.filterwarnings("ignore::shortlist.data.LeakWarning")
def test_the_real_folds_have_their_well_known_sizes(movielens_100k):
    found = [(len(fold.test.users), len(fold.test.items)) for fold in movielens_100k.folds.values()]
    assert found == [(459, 1410), (653, 1420), (869, 1423), (923, 1394), (927, 1407)]


def test_popularity_on_each_users_last_part_has_its_known_figures(movielens_100k):
    """Holds the rounding of `by_user_time`: the test part of a user is rounded up."""
    split = splits.by_user_time(movielens_100k.interactions)
    assert (len(split.train), len(split.test)) == (79_619, 20_381)
    shape = (944, 1683)
    seen, truth = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    seen[split.train.frame["user"], split.train.frame["item"]] = True
    truth[split.test.frame["user"], split.test.frame["item"]] = True
    columns = split.train.items
    scores = np.where(seen, -1, seen.sum(axis=0))[1:, columns]
    top = columns[np.argsort(-scores, axis=1, kind="stable")[:, :100]]
    hits, relevant = np.take_along_axis(truth[1:], top, axis=1), truth[1:].sum(axis=1)
    discount = 1 / np.log2(np.arange(2, 12))
    ndcg = hits[:, :10] @ discount / np.cumsum(discount)[np.minimum(relevant, 10) - 1]
    assert ndcg.mean() == pytest.approx(0.122, abs=5e-4)
    assert (hits[:, :10].sum(axis=1) / relevant).mean() == pytest.approx(0.066, abs=5e-4)
    assert (hits.sum(axis=1) / relevant).mean() == pytest.approx(0.331, abs=5e-4)
