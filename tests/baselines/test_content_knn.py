from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.baselines import ContentKNN
from shortlist.bundle import read_folder, write_folder
from shortlist.errors import ConfigError, NotFittedError, SchemaError
from shortlist.features import Categorical, MultiCategorical, Numeric, Vector
from shortlist.queries import Queries

ITEMS = pl.DataFrame(
    {
        "item": ["a", "b", "c", "d"],
        "genres": [["war", "love"], ["war"], ["love"], []],
        "studio": ["x", "x", "y", None],
        "text": [[1.0, 0.0], [3.0, 4.0], [0.0, 2.0], [0.0, 0.0]],
        "year": [1990.0, 1991.0, 2020.0, 2021.0],
    }
)
SPECS = [MultiCategorical("genres"), Categorical("studio"), Vector("text", dim=2)]


def scores_of(model, history):
    return dict(next(iter(model(Queries.of(["u"], history=[history]), 10))))


def test_it_is_the_mean_of_the_cosines():
    model = ContentKNN(SPECS).fit(ITEMS)
    rarity = {"war": np.log1p(4 / 2), "love": np.log1p(4 / 2)}
    length = np.hypot(rarity["war"], rarity["love"])
    found = scores_of(model, ["a"])
    assert found["b"] == pytest.approx((rarity["war"] / length + 1 + 0.6) / 3)
    assert found["c"] == pytest.approx((rarity["love"] / length + 0 + 0) / 3)
    assert found["d"] == found["a"] == 0
    both = scores_of(model, ["a", "b"])
    assert both["c"] == pytest.approx(found["c"] + scores_of(model, ["b"])["c"])


def test_one_kind_of_feature_is_enough():
    assert scores_of(ContentKNN([Vector("text", dim=2)]).fit(ITEMS), ["b"])["c"] == pytest.approx(
        0.8
    )
    year = Numeric("year", transform="bucketize", buckets=2)
    assert scores_of(ContentKNN([year]).fit(ITEMS), ["d"])["c"] == pytest.approx(1.0)
    model = ContentKNN(SPECS, neighbors=1).fit(ITEMS)
    assert sum(score > 0 for score in scores_of(model, ["a"]).values()) == 1


def test_what_is_written_is_read(tmp_path):
    model = ContentKNN(SPECS).fit(ITEMS)
    write_folder(tmp_path / "model", model.write, kind="model")
    again = ContentKNN.read(read_folder(tmp_path / "model", kind="model"))
    assert scores_of(again, ["a"]) == scores_of(model, ["a"])


def test_bad_input():
    with pytest.raises(NotFittedError, match="ContentKNN"):
        ContentKNN(SPECS)(Queries.of(["x"]), 1)
    with pytest.raises(ConfigError, match="at least one"):
        ContentKNN().fit(ITEMS)
    with pytest.raises(ConfigError, match="'year' is a plain number"):
        ContentKNN([Numeric("year", transform=None)]).fit(ITEMS)
    with pytest.raises(SchemaError, match="column 'item'"):
        ContentKNN(SPECS).fit(ITEMS.drop("item"))
    with pytest.raises(SchemaError, match="item 'a' has several"):
        ContentKNN(SPECS).fit(pl.concat([ITEMS, ITEMS]))
