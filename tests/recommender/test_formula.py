from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.ranked import Ranked
from shortlist.recommender.formula import FormulaReranker, ScoreFormula

CLICK = np.array([[0.5, 0.2, 0.1]])
RATING = np.array([[1.0, 4.0, 5.0]])


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_product_and_sum_are_what_they_say(a, b):
    scores = {"click": CLICK, "rating": RATING, "unused": RATING}
    weights = {"click": a, "rating": b}
    product = ScoreFormula(weights)(scores)
    np.testing.assert_allclose(product, CLICK**a * RATING**b)
    np.testing.assert_allclose(ScoreFormula(weights, "sum")(scores), a * CLICK + b * RATING)


def test_the_scale_of_a_task_does_not_change_the_order_of_a_product():
    formula = ScoreFormula({"click": 1.0, "rating": 0.7})
    plain = formula({"click": CLICK, "rating": RATING})
    scaled = formula({"click": CLICK, "rating": RATING / 5})
    assert np.argsort(plain).tolist() == np.argsort(scaled).tolist()


def test_a_list_is_put_in_the_order_of_the_formula():
    ranked = Ranked(np.array([[7, 8, 9]]), np.array([[3.0, 2.0, 1.0]]), np.array([[1, 1, 0]]))
    scores = {"click": np.array([[0.5, 0.2, -9.0]]), "rating": RATING}
    rank = FormulaReranker(lambda queries, found: scores, ScoreFormula({"click": 1, "rating": 1}))
    found = rank(None, ranked)
    assert found.lists() == [[8, 7]]
    np.testing.assert_allclose(found.scores[0, :2], [0.8, 0.5], rtol=1e-6)


def test_configurations_come_back():
    formula = ScoreFormula({"click": 1.0}, "sum")
    assert ScoreFormula.from_config(formula.to_config()).to_config() == formula.to_config()


def test_wrong_arguments_are_refused():
    with pytest.raises(ConfigError, match="Did you mean 'product'"):
        ScoreFormula({"click": 1.0}, "produkt")
    with pytest.raises(ConfigError, match="at least one task"):
        ScoreFormula({})
    with pytest.raises(ConfigError, match="'click' expected a number"):
        ScoreFormula({"click": float("nan")})
    formula = ScoreFormula({"click": 1.0, "rating": 1.0})
    with pytest.raises(DataError, match=r"one shape for \['click', 'rating'\]"):
        formula({"click": CLICK})
    with pytest.raises(DataError, match="one shape"):
        formula({"click": CLICK, "rating": RATING[:, :2]})
    with pytest.raises(DataError, match="probabilities rather than logits"):
        formula({"click": -CLICK, "rating": RATING})
    with pytest.raises(DataError, match="above 0 of 'click'; received 0"):
        ScoreFormula({"click": -1.0})({"click": 0 * CLICK})
