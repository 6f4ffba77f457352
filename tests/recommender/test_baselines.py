"""Every baseline is a retriever of a `Recommender`, before it is saved and after."""

from __future__ import annotations

import polars as pl
import pytest

from shortlist.baselines import BPR, EASE, GFCF, IALS, ContentKNN, ItemKNN, Popularity
from shortlist.data import Interactions
from shortlist.features import Categorical
from shortlist.recommender import Recommender, UserStore

ITEMS = pl.DataFrame({"item": list("abcdef"), "kind": ["x", "y"] * 3, "title": list("ABCDEF")})
LOG = Interactions(
    {"user": [1, 1, 2, 2, 3, 3, 4, 4, 4], "item": list("abacbdaec"), "time": range(9)}
)
FITTED = [
    Popularity().fit(LOG),
    ItemKNN().fit(LOG),
    ItemKNN(weighting="bm25").fit(LOG),
    EASE(regularization=1.0).fit(LOG),
    GFCF(rank=2).fit(LOG),
    IALS(embedding_dim=2).fit(LOG),
    BPR(embedding_dim=2, epochs=3).fit(LOG),
    ContentKNN([Categorical("kind")]).fit(ITEMS),
]


@pytest.mark.parametrize("model", FITTED, ids=lambda model: type(model).__name__)
def test_it_answers_alike_when_it_was_saved_and_loaded(model, tmp_path):
    users = UserStore.of(LOG, None)
    made = Recommender(model, users, ITEMS, fallback=Popularity().fit(LOG), pool=5)
    made.save(tmp_path / "1")
    loaded = Recommender.load(tmp_path / "1")
    for k in (1, 3):
        before = made.recommend([1, 2, 3], k=k)
        after = loaded.recommend([1, 2, 3], k=k)
        assert list(before) == list(after)
        assert all(len(row) > 0 for row in before)
    known = {user: set(LOG.frame.filter(pl.col("user") == user)["item"]) for user in (1, 2, 3)}
    for user, row in zip((1, 2, 3), loaded.recommend([1, 2, 3], k=3), strict=True):
        assert not known[user] & {item for item, _ in row}
