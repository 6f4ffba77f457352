import numpy as np
import polars as pl
import pytest

from shortlist.errors import ConfigError, DataError
from shortlist.ranking import importance_figure, permutation_importance

RNG = np.random.default_rng(0)
FEATURES = {
    "strong": RNG.normal(size=2000),
    "weak": RNG.normal(size=2000),
    "none": RNG.normal(size=2000),
    "many": RNG.normal(size=(2000, 3)),
}


class Linear:
    """Knows the truth: each shuffled feature adds twice its squared coefficient to the error."""

    def score(self, features):
        return 2 * features["strong"] + features["weak"] + features["many"].sum(axis=1)


def error(labels, scores):
    return -float(np.mean((labels - scores) ** 2))


LABELS = Linear().score(FEATURES)


def test_equals_what_is_known_of_a_linear_model():
    found = permutation_importance(Linear(), FEATURES, LABELS, metric=error, repeats=10)
    assert found["feature"].to_list() == ["strong", "many", "weak", "none"]
    np.testing.assert_allclose(found["importance"], [8, 6, 2, 0], rtol=0.1, atol=1e-12)
    assert found["deviation"][3] == 0 < found["deviation"][0] < 1


def test_groups_are_shuffled_as_one():
    groups = {"both": ["strong", "weak"], "rest": ["none"]}
    found = permutation_importance(Linear(), FEATURES, LABELS, metric=error, groups=groups)
    assert found["feature"].to_list() == ["both", "rest"]
    np.testing.assert_allclose(found["importance"], [10, 0], rtol=0.1, atol=1e-12)


def test_a_seed_gives_the_same_and_nothing_is_changed():
    before = {name: values.copy() for name, values in FEATURES.items()}
    first, second = (
        permutation_importance(Linear(), FEATURES, LABELS, metric=error, repeats=2, seed=3)
        for _ in range(2)
    )
    assert first.equals(second)
    for name, values in before.items():
        np.testing.assert_array_equal(FEATURES[name], values)


def test_the_figure_holds_the_data():
    frame = pl.DataFrame({"feature": ["b", "a"], "importance": [2.0, 1.0], "deviation": [0.5, 0.0]})
    figure = importance_figure(frame, "Which")
    assert figure["title"] == "Which"
    assert figure["encoding"]["y"]["sort"] == ["b", "a"]
    assert figure["data"]["values"][0] == {
        "feature": "b",
        "importance": 2.0,
        "deviation": 0.5,
        "low": 1.5,
        "high": 2.5,
    }


def test_what_is_refused():
    with pytest.raises(ConfigError, match=r"'strng'.*Did you mean 'strong'"):
        permutation_importance(Linear(), FEATURES, LABELS, metric=error, groups={"a": ["strng"]})
    with pytest.raises(DataError, match="2000 rows and 3 labels"):
        permutation_importance(Linear(), FEATURES, LABELS[:3], metric=error)
    with pytest.raises(ConfigError, match="repeats expected a positive integer; received 0"):
        permutation_importance(Linear(), FEATURES, LABELS, metric=error, repeats=0)
