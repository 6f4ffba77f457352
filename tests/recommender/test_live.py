"""Recommenders of towers: filters, features, explanations, items that change; ONNX like Keras."""

import subprocess
import sys
import threading
import warnings

import numpy as np
import polars as pl
import pytest

from shortlist.bundle import read_folder, write_folder
from shortlist.errors import BundleError, ConfigError, DataError, SchemaError
from shortlist.postranking import AttributeCap
from shortlist.recommender import NotExportedWarning, Recommender

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.backend

N = 40  # items


@pytest.fixture
def loaded(bundle):
    return Recommender.load(bundle)


def everything(recommender):
    asked = recommender.recommend([1, 2, None, 9], k=6, history=[[], [110], [111, 112], []])
    return asked, recommender.similar([100, 120], k=4)


def test_onnx_answers_as_keras_does(bundle, loaded):
    keras = everything(Recommender.load(bundle, engine="keras"))
    for mine, theirs in zip(keras, everything(loaded), strict=True):
        assert mine.lists() == theirs.lists()
        np.testing.assert_allclose(mine.scores, theirs.scores, atol=1e-4)


def test_loading_and_answering_load_no_framework(bundle):
    program = (
        "import sys\n"
        "from shortlist import Recommender\n"
        f"recommender = Recommender.load({str(bundle)!r})\n"
        "assert recommender.recommend([1, None], k=3, where='year > 1990').valid.any()\n"
        "recommender.similar([100], k=3)\n"
        "recommender.upsert_items([{'item': 7, 'genres': ['war']}])\n"
        "recommender.save(sys.argv[1])\n"
        "loaded = [m for m in ('jax', 'keras', 'tensorflow', 'torch') if m in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(bundle.parent.parent / "copy" / "1")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    again = Recommender.load(bundle.parent.parent / "copy")
    assert 7 in again.items["item"].to_list()


def test_conditions_and_allowed_items(loaded, film_items):
    years = dict(zip(film_items["item"], film_items["year"], strict=True))
    for users in ([1], [None], [1, None, 2]):
        for row in loaded.recommend(users, k=5, where="year >= 2000").lists():
            assert len(row) == 5
            assert all(years[item] >= 2000 for item in row)
    some = np.array([101, 130, 131, 999])
    assert set(loaded.recommend([2], k=5, allow=some).lists()[0]) == {101, 130, 131}
    each = loaded.recommend([2, 2, None], k=5, allow=[[101], [130, 131], [133]]).lists()
    assert [set(row) for row in each] == [{101}, {130, 131}, {133}]
    both = loaded.recommend([2, 2], k=5, where=["year == 2010", None], allow=some).lists()
    assert [set(row) for row in both] == [{130}, {101, 130, 131}]
    assert set(loaded.similar([100], k=9, where="'war' in genres", allow=some).lists()[0]) == {130}
    with pytest.raises(SchemaError, match="no column 'yeer'"):
        loaded.recommend([1], where="yeer > 3")
    with pytest.raises(DataError, match="where expected one list for each of the 1 users"):
        loaded.recommend([1], where=["year > 3", None])


def test_features_make_a_list_for_somebody_new(loaded):
    cook, clerk = ({"job": job} for job in ("cook", "clerk"))
    found = loaded.recommend([None, None, None], k=20, features=[cook, clerk, None])
    assert found.fallback.tolist() == [False, False, True]
    assert not np.array_equal(found.scores[0], found.scores[1])
    one = loaded.recommend([None], k=20, features=cook)
    np.testing.assert_allclose(one.scores[0], found.scores[0], atol=1e-5)
    stored = loaded.recommend([3], k=5).scores
    np.testing.assert_allclose(loaded.recommend([3], k=5, features=clerk).scores, stored, atol=1e-5)
    assert not np.allclose(loaded.recommend([3], k=5, features=cook).scores, stored)
    with pytest.raises(SchemaError, match=r"no feature 'jop'.*Did you mean 'job'"):
        loaded.recommend([None], features={"jop": "cook"})
    with pytest.raises(DataError, match="'job' of a query does not fit"):
        loaded.recommend([None], features={"job": 7})


def test_diversity_and_rules_of_a_call(loaded, film_items):
    plain = loaded.recommend([1], k=6, diversity=0.0).lists()
    assert loaded.recommend([1], k=6).lists() == plain
    assert loaded.recommend([1], k=6, diversity=0.9).lists() != plain
    capped = loaded.recommend([1], k=6, rules=[AttributeCap(column="genres", at_most=1)])
    genres = dict(zip(film_items["item"], film_items["genres"].to_list(), strict=True))
    assert len({genres[item][0] for item in capped.lists()[0][:2]}) == 2
    with pytest.raises(ConfigError, match="diversity expected a number from 0 to 1; received 2"):
        loaded.recommend([1], diversity=2)


def test_explanations(loaded):
    found = loaded.recommend([1, None], k=8, explain=True)
    mine, popular = found.explanations
    assert [e.item for e in mine] == found.lists()[0]
    assert [e.ranking_score for e in mine] == pytest.approx(found.scores[0].tolist())
    assert all(0 <= e.retrieval_place < 20 and 0 <= e.ranking_place < 20 for e in mine)
    assert any("attribute_cap: from place" in reason for e in mine for reason in e.reasons)
    assert all(e.ranking_score is None for e in popular)
    assert loaded.recommend([1]).explanations is None


def test_a_failing_ranker_is_an_error_or_a_degraded_answer(loaded, monkeypatch):
    expected = loaded.recommend([1], k=5)
    assert not expected.degraded

    def broken(queries, ranked):
        raise ZeroDivisionError

    monkeypatch.setattr(loaded, "ranker", broken)
    with pytest.raises(ZeroDivisionError):
        loaded.recommend([1], k=5)
    found = loaded.recommend([1], k=5, degrade=True)
    assert found.degraded
    monkeypatch.setattr(loaded, "ranker", None)
    assert loaded.recommend([1], k=5).lists() == found.lists()


def test_a_new_item_is_found_at_once_and_a_removed_one_never(loaded, film_items):
    loaded.similar([100], k=2)
    assert (
        loaded.upsert_items({"item": [7, 8], "title": ["New", None], "genres": [["war"], []]}) == 2
    )
    assert loaded.size == N + 2
    assert loaded.titles([7, 8]) == ["New", "8"]
    assert loaded.recommend([1], k=1, allow=np.array([7])).lists() == [[7]]
    assert 7 in loaded.similar([8], k=N + 1).lists()[0]
    np.testing.assert_allclose(
        loaded.retriever.index.vectors([7]), loaded.embed_items([{"item": 7, "genres": ["war"]}])
    )
    loaded.upsert_items(pl.DataFrame({"item": [7], "year": [2024]}))
    assert loaded.titles([7]) == ["7"]
    assert loaded.recommend([1], k=2, where="year == 2024").lists() == [[7]]
    loaded.remove_items([7, 100])
    assert loaded.size == N
    for users in ([1], [None], [4]):
        row = loaded.recommend(users, k=N, exclude_seen=False).lists()[0]
        assert not {7, 100} & set(row)
    assert 100 not in loaded.similar([8], k=N).lists()[0]
    loaded.upsert_items(film_items[:1])
    assert 100 in loaded.recommend([None], k=3).lists()[0]


def test_what_cannot_be_upserted_or_removed_changes_nothing(loaded, film_items):
    before = loaded.recommend([1], k=N).lists()
    for items, error, message in (
        ([{"item": 7, "titel": "x"}], SchemaError, "no column 'titel'.*Did you mean 'title'"),
        ([{"title": "x"}], SchemaError, "Expected a column 'item'"),
        ([{"item": None}], DataError, "row 0 has none"),
        ({"item": [7, 7]}, DataError, "7 repeats"),
        ([{"item": "7"}], DataError, "Column 'item' of the items expected Int64"),
        ([{"item": 7, "year": "old"}], DataError, "Column 'year'"),
        (7, DataError, "Expected items as a data frame"),
    ):
        with pytest.raises(error, match=message):
            loaded.upsert_items(items)
    for ids, message in (
        ([5], "5 is none"),
        ([100, 100], "stands twice"),
        (film_items["item"], "stay"),
    ):
        with pytest.raises(DataError, match=message):
            loaded.remove_items(ids)
    assert loaded.recommend([1], k=N).lists() == before


def test_a_forgotten_user_is_new(loaded, tmp_path):
    assert not loaded.recommend([1], k=3).fallback[0]
    loaded.forget_users([1, 77])
    assert loaded.recommend([1], k=3).fallback[0]
    assert not loaded.recommend([2], k=3).fallback[0]
    loaded.save(tmp_path / "1")
    again = Recommender.load(tmp_path)
    assert again.users.histories.users.tolist() == [2, 3]
    assert again.users.attributes["user"].to_list() == [2, 3, 4]
    assert again.recommend([1, 2], k=3).fallback.tolist() == [True, False]


def test_readers_see_the_items_before_a_change_or_after_it(loaded):
    """Items 7 and 8 come and go together, so nobody may ever see one without the other."""
    pair = pl.DataFrame({"item": [7, 8], "genres": [["war"], ["war"]]})
    stop, wrong, seen = threading.Event(), [], set()

    def read():
        while not stop.is_set():
            try:
                row = loaded.recommend([1, 2], k=loaded.size - 1, allow=np.array([7, 8])).lists()
                seen.add(len(row[0]))
                if [len(found) for found in row] not in ([0, 0], [2, 2]):
                    wrong.append(row)
                loaded.similar([101], k=5)
            except ConfigError:  # k was the size of another moment
                pass
            except Exception as error:
                wrong.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(40):
        loaded.upsert_items(pair)
        loaded.remove_items([7, 8])
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert 0 in seen


def rewritten(bundle, target, change):
    """A copy with a manifest of its own, as somebody would make who does not know better."""
    folder = read_folder(bundle, kind="recommender")

    def writer(draft):
        for name in folder.names:
            content = change(name, folder.file(name).read_bytes())
            if content is not None:
                draft.file(name).write_bytes(content)

    write_folder(target, writer, kind="recommender")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("query.onnx", b"", "not a graph that ONNX Runtime can run"),
        ("ranker.onnx", b"\x08\x08garbage", "not a graph that ONNX Runtime can run"),
        ("candidate.onnx", None, "not a graph that ONNX Runtime can run"),
        ("golden.safetensors", b"\0" * 99, "not a valid safetensors file"),
        ("golden.safetensors", None, "has no file 'golden.safetensors'"),
        ("export.json", b"{}", "export.json"),
    ],
)
def test_damaged_models_are_refused(bundle, tmp_path, file, content, message):
    rewritten(bundle, tmp_path / "1", lambda n, old: content if n.endswith(f"/{file}") else old)
    with pytest.raises(BundleError, match=message):
        Recommender.load(tmp_path)


def test_models_that_answer_otherwise_than_they_did_are_refused(bundle, tmp_path):
    def change(name, old):
        if not name.endswith("model/weights.safetensors"):
            return old
        return old[:-400] + np.full(100, 0.5, dtype="<f4").tobytes()

    rewritten(bundle, tmp_path / "1", change)
    with pytest.raises(BundleError, match="expected the answers it gave when it was saved"):
        Recommender.load(tmp_path)


def test_a_model_that_cannot_be_exported_is_served_by_keras_and_it_is_said(tmp_path, towers):
    from shortlist.models import TwoTower

    class Mine(TwoTower):
        pass

    with pytest.warns(NotExportedWarning, match="saved without ONNX graphs.*received Mine"):
        towers(model=Mine).save(tmp_path / "1")
    with pytest.warns(NotExportedWarning, match="runs in Keras.*received Mine"):
        found = Recommender.load(tmp_path)
    with pytest.raises(BundleError, match="holds no ONNX graphs"):
        Recommender.load(tmp_path, engine="onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("error", NotExportedWarning)
        again = Recommender.load(tmp_path, engine="keras")
    assert found.recommend([1], k=5).lists() == again.recommend([1], k=5).lists()
    with pytest.raises(ConfigError, match="engine expected"):
        Recommender.load(tmp_path, engine="tpu")
