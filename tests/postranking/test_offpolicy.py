from __future__ import annotations

import numpy as np
import pytest

from shortlist.errors import ConfigError, DataError
from shortlist.postranking import Context, PlackettLuce
from shortlist.postranking.offpolicy import doubly_robust, ips, snips
from shortlist.queries import Queries
from shortlist.ranked import Ranked

CLICKS = np.array([0.6, 0.3, 0.1, 0.05])
LOGGING = np.array([0.1, 0.2, 0.3, 0.4])
WANTED = np.array([0.7, 0.1, 0.1, 0.1])
TRUTH = float(WANTED @ CLICKS)


def world(seed, n=2000):
    """Choices of a logging policy and clicks, where all probabilities are known."""
    draw = np.random.default_rng(seed)
    actions = draw.choice(4, n, p=LOGGING)
    return actions, (draw.random(n) < CLICKS[actions]).astype(float)


def estimates(seed, error=0.0):
    actions, rewards = world(seed)
    given = rewards, LOGGING[actions], WANTED[actions]
    model = CLICKS + error
    n = len(actions)
    return {
        "ips": ips(*given),
        "snips": snips(*given),
        "dr": doubly_robust(
            *given, predicted=model[actions], expected=np.full(n, float(WANTED @ model))
        ),
    }


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_the_truth_is_found_and_intervals_hold_it_as_often_as_they_say(name):
    found = [estimates(seed, error=0.1)[name] for seed in range(300)]
    values = np.array([e.value for e in found])
    assert values.mean() == pytest.approx(TRUTH, abs=4 * values.std() / np.sqrt(300))
    held = np.mean([e.low <= TRUTH <= e.high for e in found])
    assert held == pytest.approx(0.95, abs=0.04)
    assert (values.std() / np.mean([(e.high - e.low) / 3.92 for e in found])) == pytest.approx(
        1.0, abs=0.15
    )


def test_good_predictions_lessen_the_spread():
    spread = {
        name: np.std([estimates(seed)[name].value for seed in range(100)])
        for name in ("ips", "snips", "dr")
    }
    assert spread["dr"] < spread["snips"] < spread["ips"]


def test_wrong_propensities_are_mended_by_right_predictions():
    actions, rewards = world(0, n=50_000)
    wrong = np.full(len(actions), 0.25)
    given = rewards, wrong, WANTED[actions]
    assert abs(ips(*given).value - TRUTH) > 0.05
    mended = doubly_robust(*given, predicted=CLICKS[actions], expected=np.full(len(actions), TRUTH))
    assert mended.value == pytest.approx(TRUTH, abs=0.01)


def test_the_logging_policy_itself_is_the_plain_mean():
    actions, rewards = world(1)
    same = LOGGING[actions]
    for estimate in (ips(rewards, same, same), snips(rewards, same, same)):
        assert estimate.value == pytest.approx(rewards.mean())
        assert estimate.effective == pytest.approx(len(rewards))
        assert estimate.events == len(rewards)


def test_clipping_is_counted_and_draws_towards_less():
    actions, rewards = world(2)
    given = rewards, LOGGING[actions], WANTED[actions]
    cut = ips(*given, largest=2.0)
    assert cut.clipped == (actions == 0).sum()
    assert cut.value < ips(*given).value
    assert cut.high - cut.low < ips(*given).high - ips(*given).low


def test_what_exploration_logs_is_what_is_needed_here():
    """Clicks on the first place, logged by Plackett-Luce at one temperature, for another one."""
    n = 4000
    scores = np.tile([2.0, 1.5, 1.0, 0.0], (n, 1))
    pool = Ranked(np.tile(np.arange(4), (n, 1)), scores, np.ones((n, 4)))
    context = Context(Queries.of(range(n)), k=1)
    shown = PlackettLuce(temperature=0.5)(pool, context).ids[:, 0]
    logged = context.propensities["plackett_luce"][:, 0]
    worth = np.exp(np.array([1.0, 0.75, 0.5, 0.0]) / 0.1)
    wanted = worth / worth.sum()
    rewards = (np.random.default_rng(3).random(n) < CLICKS[shown]).astype(float)
    estimate = ips(rewards, logged, wanted[shown])
    assert estimate.low < float(wanted @ CLICKS) < estimate.high


def test_bad_input():
    ok = np.array([0.5, 0.5])
    for given, message in (
        ((ok[:1], ok[:1], ok[:1]), "two or more"),
        ((ok, ok[:1], ok), "logged of shape"),
        ((ok, np.array([0.5, 0.0]), ok), "event 1 has 0.0"),
        ((ok, ok, np.array([0.5, 1.5])), "wanted probabilities up to 1"),
        ((np.array([np.nan, 1]), ok, ok), "finite rewards; event 0"),
    ):
        with pytest.raises(DataError, match=message):
            ips(*given)
    with pytest.raises(DataError, match="none of the logged"):
        snips(ok, ok, np.zeros(2))
    with pytest.raises(ConfigError, match="largest"):
        ips(ok, ok, ok, largest=0)
    with pytest.raises(ConfigError, match="level"):
        ips(ok, ok, ok, level=95)
