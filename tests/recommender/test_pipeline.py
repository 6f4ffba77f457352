import numpy as np
import polars as pl
import pytest

from shortlist.baselines import EASE, Popularity
from shortlist.data import Interactions
from shortlist.errors import BundleError, ConfigError, DataError
from shortlist.postranking import AttributeCap, Pipeline, Seen
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender import Recommender, UserStore

LOG = Interactions(
    {
        "user": [1, 1, 2, 2, 2, 3, 3, 4],
        "item": ["a", "b", "a", "b", "c", "c", "d", "a"],
        "time": [1, 2, 1, 2, 3, 1, 2, 1],
    }
)
ITEMS = pl.DataFrame(
    {
        "item": list("abcde"),
        "title": ["Alpha", "Beta", "Gamma", None, "Epsilon"],
        "kind": ["x", "x", "x", "y", "y"],
    }
)


def made(**options):
    options.setdefault("postranker", Pipeline([Seen()]))
    return Recommender(
        EASE(regularization=1.0).fit(LOG),
        UserStore.of(LOG),
        ITEMS,
        fallback=Popularity().fit(LOG),
        pool=5,
        **options,
    )


def reverse(queries, ranked):
    assert len(queries) == len(ranked)
    return ranked.rescored(-ranked.scores)


def test_it_retrieves_ranks_and_post_ranks():
    retrieved = made().recommend([1], k=3).lists()
    assert retrieved == [["c", "d"]]
    assert made(ranker=reverse).recommend([1], k=3).lists() == [["d", "c"]]
    capped = made(postranker=Pipeline([Seen(), AttributeCap(column="kind", at_most=1)]))
    assert capped.recommend([4], k=2).lists() == [["b", "d"]]


def test_seen_items_never_come_back_unless_asked_for():
    assert not {"a", "b", "c"} & set(made().recommend([2], k=5).lists()[0])
    every = made().recommend([2], k=5, exclude_seen=False).lists()[0]
    assert {"a", "b", "c"} <= set(every)
    assert "d" not in made().recommend([1], k=5, exclude=[["d"]]).lists()[0]


def test_an_unknown_user_gets_popular_items_and_it_says_so():
    found = made().recommend([1, 99, 99], k=2, history=[[], [], ["c"]])
    assert found.fallback.tolist() == [False, True, False]
    assert found.lists()[1] == ["a", "b"]
    assert "c" not in found.lists()[2]


def test_a_session_follows_what_is_stored():
    asked = made().queries([4, 99], history=[["d"], ["b"]])
    assert [row.tolist() for row in asked.history] == [["a", "d"], ["b"]]
    assert [row.tolist() for row in asked.exclude] == [["a", "d"], ["b"]]


@pytest.mark.parametrize("k", [0, -1, 6, 2.0, True, "3"])
def test_k_is_a_whole_number_up_to_the_size_of_the_catalogue(k):
    with pytest.raises(ConfigError, match="k expected a whole number from 1 to 5, the size"):
        made().recommend([1], k=k)


def test_what_cannot_be_asked():
    with pytest.raises(DataError, match="history expected one list for each of the 2 users"):
        made().recommend([1, 2], 2, history=[["a"]])
    with pytest.raises(DataError, match="received 'anna'"):
        made().recommend("anna", 2)
    with pytest.raises(DataError, match="received 7"):
        made().recommend([1], 2, history=[[7]])
    with pytest.raises(DataError, match="User ids expected the kind"):
        made().recommend(["1"], 2)
    with pytest.raises(ConfigError, match="retrieves with EASE"):
        made().similar(["a"], k=2)


def test_titles_fall_back_to_the_id():
    assert made().titles(["b", "d", "zz"]) == ["Beta", "d", "zz"]
    assert made(title="name").titles(["b"]) == ["b"]


def test_what_cannot_be_loaded_again_is_not_saved(tmp_path):
    plain = made()
    plain.retriever = lambda queries, k: None
    with pytest.raises(ConfigError, match="function, which could not be loaded again"):
        plain.save(tmp_path / "1")
    assert list(tmp_path.iterdir()) == []


def popular():
    return Recommender(
        Popularity().fit(LOG),
        UserStore.of(LOG, pl.DataFrame({"user": [1, 2], "age": [30, 40]})),
        ITEMS,
        fallback=Popularity().fit(LOG),
        postranker=Pipeline([Seen(), AttributeCap(column="kind", at_most=1)]),
        pool=5,
    )


def test_saved_and_loaded(tmp_path):
    one = popular()
    one.save(tmp_path / "1", about={"note": "first"})
    one.save(tmp_path / "2")
    for path in (tmp_path / "1", tmp_path):
        other = Recommender.load(path)
        for users in ([1, 2, 3], [99]):
            mine, theirs = one.recommend(users, k=3), other.recommend(users, k=3)
            assert mine.lists() == theirs.lists()
            np.testing.assert_array_equal(mine.fallback, theirs.fallback)
        assert other.titles(["a"]) == ["Alpha"]


def test_loading_what_is_not_there(tmp_path):
    with pytest.raises(BundleError, match=r"found nothing.*shortlist train"):
        Recommender.load(tmp_path / "none")
    (tmp_path / "other").mkdir()
    with pytest.raises(BundleError, match="found neither"):
        Recommender.load(tmp_path / "other")


def test_a_damaged_bundle_is_refused(tmp_path):
    popular().save(tmp_path / "1")
    file = tmp_path / "1" / "recommender.json"
    file.write_text(file.read_text().replace("5", "6"))
    with pytest.raises(BundleError, match="damaged or was altered"):
        Recommender.load(tmp_path)


def test_other_histories(tmp_path):
    later = Interactions({"user": [1], "item": ["e"], "time": [9]})
    known = made().knowing(UserStore.of(later))
    assert known.users.history([1])[0].tolist() == ["e"]
    assert made().users.history([1])[0].tolist() == ["a", "b"]


def test_evaluation_can_call_it():
    ranked = made()(Queries.of([1], history=[["a"]], exclude=[["a", "b"]]), 2)
    assert isinstance(ranked, Ranked)
    assert ranked.lists() == [["c", "d"]]
