import polars as pl
import pytest

from shortlist.baselines import Popularity
from shortlist.data import Interactions
from shortlist.errors import ConfigError
from shortlist.recommender import Recommender, UserStore
from shortlist.recommender.batch import recommend_all

LOG = Interactions(
    {"user": [n % 25 for n in range(100)], "item": [f"i{n % 7}" for n in range(100)]}, time=None
)


class Counted(Recommender):
    asked = 0
    fails_after = 10**9

    def recommend(self, users, k=10, **options):
        if self.asked >= self.fails_after:
            raise KeyboardInterrupt
        self.asked += len(users)
        return super().recommend(users, k, **options)


def made():
    items = pl.DataFrame({"item": [f"i{n}" for n in range(9)], "year": list(range(9))})
    return Counted(Popularity().fit(LOG), UserStore.of(LOG), items, fallback=Popularity().fit(LOG))


def test_everybody_gets_what_they_would_be_answered(tmp_path):
    seen = []
    out = tmp_path / "all.parquet"
    rows = recommend_all(
        made(), out, k=3, users_a_part=10, on_progress=lambda *done: seen.append(done)
    )
    table = pl.read_parquet(out)
    assert table.height == rows
    assert seen == [(10, 25), (20, 25), (25, 25)]
    users = UserStore.of(LOG).histories.users.tolist()
    for user, answer in zip(users, made().recommend(users, 3), strict=True):
        mine = table.filter(pl.col("user") == user)
        assert mine["item"].to_list() == [item for item, _ in answer]
        assert mine["place"].to_list() == list(range(1, mine.height + 1))
        assert mine["score"].to_list() == [score for _, score in answer]
    assert list(tmp_path.iterdir()) == [out]


def test_it_goes_on_where_it_stopped(tmp_path):
    out = tmp_path / "all.parquet"
    out.write_text("what was there before")
    stopped = made()
    stopped.fails_after = 20
    with pytest.raises(KeyboardInterrupt):
        recommend_all(stopped, out, k=3, users_a_part=10, identity="a")
    assert out.read_text() == "what was there before"
    other, same = made(), made()
    recommend_all(other, tmp_path / "other.parquet", k=3, users_a_part=10, identity="a")
    recommend_all(same, out, k=3, users_a_part=10, identity="a")
    assert (other.asked, same.asked) == (25, 5)
    assert out.read_bytes() == (tmp_path / "other.parquet").read_bytes()


@pytest.mark.parametrize("change", [{"identity": "b"}, {"k": 2}, {"where": "year > 2"}])
def test_parts_of_another_call_are_not_mixed_in(tmp_path, change):
    stopped = made()
    stopped.fails_after = 10
    with pytest.raises(KeyboardInterrupt):
        recommend_all(stopped, tmp_path / "all", **{"k": 3, "users_a_part": 10, "identity": "a"})
    again = made()
    recommend_all(
        again, tmp_path / "all", **{"k": 3, "users_a_part": 10, "identity": "a", **change}
    )
    assert again.asked == 25


def test_users_may_be_texts(tmp_path):
    log = Interactions({"user": ["u", "v"], "item": [1, 2], "time": [1, 2]})
    items = pl.DataFrame({"item": [1, 2, 3]})
    popular = Popularity().fit(log)
    recommender = Recommender(popular, UserStore.of(log), items, fallback=popular)
    recommend_all(recommender, tmp_path / "a", k=3)
    assert pl.read_parquet(tmp_path / "a").schema["user"] == pl.String


def test_options_reach_the_recommender(tmp_path):
    recommend_all(made(), tmp_path / "all", k=3, where="year == 3", exclude_seen=False)
    assert set(pl.read_parquet(tmp_path / "all")["item"]) == {"i3"}
    with pytest.raises(ConfigError, match="k expected"):
        recommend_all(made(), tmp_path / "all", k=99)
