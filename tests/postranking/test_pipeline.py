from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from shortlist.errors import ConfigError
from shortlist.postranking import (
    MMR,
    AttributeCap,
    Context,
    Pipeline,
    PostRanker,
    Seen,
    Stage,
    Trace,
)
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests

STEPS = [Seen(), MMR(trade_off=0.8), AttributeCap(column="genres", at_most=4)]


class TestPipeline(PostRankerTests):
    def make(self):
        return Pipeline(STEPS)

    def test_it_is_its_steps_one_after_the_other(self):
        ranked, context = self.pool(), self.context()
        together = self.make()(ranked, context)
        for step in STEPS:
            ranked = step(ranked, context)
        assert list(together) == list(ranked)

    def test_the_trace_names_each_step(self):
        trace = Trace()
        self.make()(self.pool(), self.context(trace=trace))
        assert [step.name for step in trace.steps] == ["seen", "mmr", "attribute_cap"]


class TestEmptyPipeline(PostRankerTests):
    def make(self):
        return Pipeline()


def test_configurations_are_json():
    config = json.loads(json.dumps(Pipeline(STEPS).to_config()))
    assert Pipeline.from_config(config).steps == tuple(STEPS)
    assert Pipeline.from_steps(config["steps"]).to_config() == config


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "mrm"}, "Did you mean 'mmr'"),
        ({}, "received None"),
        ({"name": "mmr", "trade_of": 1}, "Did you mean 'trade_off'"),
        ({"name": "mmr", "trade_off": 3}, r"\[0, 1\]"),
        ({"name": "attribute_cap"}, "column"),
        ({"name": "pipeline", "stpes": []}, "'steps' alone"),
    ],
)
def test_wrong_configurations(config, message):
    with pytest.raises(ConfigError, match=message):
        PostRanker.from_config(config)
    with pytest.raises(ConfigError):
        MMR.from_config({"name": "seen"})


def test_the_order_is_checked():
    with pytest.raises(ConfigError, match=r"'mmr' \(diversity\) before 'attribute_cap' \(rule\)"):
        Pipeline([AttributeCap(column="x", at_most=1), MMR()])
    for wrong in ("mmr", MMR, Pipeline()):
        with pytest.raises(ConfigError, match="post-rankers"):
            Pipeline([wrong])


def test_ones_own_post_ranker_is_known_by_its_name():
    @dataclass(frozen=True, kw_only=True)
    class Backwards(PostRanker):
        name: ClassVar[str] = "backwards"
        stage: ClassVar[Stage] = Stage.RULE

        @property
        def summary(self):
            return "as all is turned round"

        def apply(self, ranked, context):
            order = np.where(ranked.valid, -np.arange(ranked.k), 1)
            return ranked.take(np.argsort(order, axis=1, kind="stable"))

    pool = Ranked(np.array([[1, 2, 3]]), np.zeros((1, 3)), np.array([[1, 1, 0]]))
    context = Context(Queries.of(["u"]), k=1)
    assert Pipeline.from_steps([{"name": "backwards"}])(pool, context).lists() == [[2, 1]]


def test_a_name_is_taken_once():
    with pytest.raises(ConfigError, match=r"'mmr' is that of shortlist\.postranking\.mmr\.MMR"):

        class Mine(PostRanker):
            name: ClassVar[str] = "mmr"


def test_a_configuration_is_a_table():
    for wrong in (3, "seen", ["seen"]):
        with pytest.raises(ConfigError, match="a table"):
            Pipeline.from_steps([wrong])


def test_k_is_checked():
    with pytest.raises(ConfigError, match="positive integer"):
        Context(Queries.of(["u"]), k=0)


def test_every_post_ranker_is_in_the_documentation():
    page = Path(__file__).parents[2].joinpath("docs", "postranking.md").read_text("utf-8")
    for name, made in PostRanker._registered.items():
        if made.__module__.startswith("shortlist.") and made is not Pipeline:
            assert f"`{name}`" in page
