import numpy as np
import pytest

from shortlist.errors import BundleError
from shortlist.features import FeatureInfo
from shortlist.inference import golden

FEATURES = {
    "item": FeatureInfo("categorical", size=5),
    "genres": FeatureInfo("multi", size=3, length=4),
    "price": FeatureInfo("numeric"),
    "face": FeatureInfo("vector", dim=2),
}


def test_questions_are_what_a_model_can_be_asked():
    asked = golden.questions(FEATURES)
    assert asked["item"].dtype == np.int32
    assert (asked["item"] < 5).all()
    assert asked["item"][0] == 0
    assert not asked["genres"][0].any()
    assert asked["genres"][-1].all()
    assert asked["price"].dtype == asked["face"].dtype == np.float32
    assert asked["face"].shape == (len(asked["price"]), 2)
    again = golden.questions(FEATURES)
    assert all(np.array_equal(asked[name], again[name]) for name in FEATURES)


def test_replay_tells_a_small_difference_from_a_large_one():
    asked = golden.questions(FEATURES)
    answers = np.stack([asked["price"], 1e4 * asked["price"]], axis=1)

    def answer(features, error=0.0):
        price = features["price"]
        return np.stack([price, 1e4 * price * (1 + error)], axis=1)

    golden.replay("graph", answer, asked, answers)
    golden.replay("graph", lambda f: answer(f, 5e-5), asked, answers)
    with pytest.raises(BundleError, match=r"graph expected the answers .*0\.0002"):
        golden.replay("graph", lambda f: answer(f, 2e-4), asked, answers)
    with pytest.raises(BundleError, match="away from them"):
        golden.replay("graph", lambda f: answer(f) * np.nan, asked, answers)
    with pytest.raises(BundleError, match="answers of shape"):
        golden.replay("graph", lambda f: answer(f)[:, 0], asked, answers)
