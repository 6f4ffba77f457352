from __future__ import annotations

import builtins
from html.parser import HTMLParser

import numpy as np
import pytest

from shortlist.baselines import ItemKNN
from shortlist.data import Interactions, LeakWarning, Split, splits
from shortlist.errors import MissingDependencyError
from shortlist.evaluation import Spread, evaluate
from shortlist.report import Cost, DataFacts, Example, Place, Study, Tuned, html

EVIL = "<script>alert(1)</script>"
VOID = {"meta", "link", "br", "path", "circle", "rect", "polyline"}


class Strict(HTMLParser):
    """Collects the tags, and fails where one is closed that is not open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def drawn(rows=400, time=True):
    draw = np.random.default_rng(0)
    data = {
        "user": draw.integers(0, 30, rows),
        "item": (draw.beta(0.7, 2, rows) * 25).astype(int),
    }
    if time:
        data["time"] = 900_000_000 + np.arange(rows) * 86_400
    return Interactions(data, time="time" if time else None, duplicates="keep")


@pytest.fixture(scope="module")
def study():
    log = drawn()
    split = splits.by_user_time(log)
    models = {EVIL: ItemKNN().fit(split.train), "copy": ItemKNN().fit(split.train)}
    report = evaluate(models, split, ks=[1, 5, 10])
    example = Example(EVIL, ["b", EVIL], 9, {EVIL: [Place("a", hit=True), Place(EVIL)]})
    return Study(
        "Mine & theirs",
        report,
        "ndcg@5",
        DataFacts.of(log),
        costs={EVIL: Cost(1.5, 1.2, None), "copy": Cost(1.5, 1.2, 2**21)},
        tuned={EVIL: Tuned({"neighbors": 20, "shrinkage": 0.123456}, 0.25, 3, 1, 9.0)},
        segments={"color": np.where(report.users % 2 == 0, "red", "blue")},
        examples=[example],
        left_out={"ease": "too many items"},
        spreads={"copy": Spread(0.25, 0.01, (0.24, 0.26)), EVIL: Spread(0.5, 0.0, (0.5,))},
    )


@pytest.fixture(scope="module")
def page(study):
    return html(study)


def test_the_page_is_whole_and_nothing_comes_from_elsewhere(page):
    parsed = Strict(page)
    assert not parsed.open
    assert "script" not in parsed.tags
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    figures = ["intervals", "ndcg-by-k", "recall-by-k", "relevance-diversity", "long-tail"]
    assert [i for i in parsed.ids if i.startswith("figure-")] == [
        f"figure-{name}" for name in [*figures, "over-time"]
    ]


def test_a_difference_inside_the_noise_is_a_tie(page, study):
    assert "ties with" in page
    same = [c for c in study.report.comparisons("ndcg@5") if "popularity" not in (c.model, c.other)]
    assert [c.verdict for c in same] == ["tie"]
    assert '<td class="tie">tie<small>p = 1</small></td>' in page


def test_everything_the_study_holds_is_shown(page, study):
    value = study.report.metrics["copy"]["ndcg@5"]
    low, high = study.report.intervals("ndcg@5")["copy"]
    assert f"{value:.4f}<small>{low:.4f} to {high:.4f}</small>" in page
    for text in (
        "Mine &amp; theirs", "neighbors = 20, shrinkage = 0.1235", "ease is left out: too many",
        "red (", "by activity of the users", "not told", "2</td>", 'class="hit">a</li>',
        "9 events before", "share of the events that repeat", "1998-07-09 16:00 UTC",
        "rare", "not in train", "none</td>", "0.2500 ± 0.0100",
    ):  # fmt: skip
        assert text in page


def test_data_without_times_have_a_page_too():
    log = drawn(time=False)
    split = Split(log.filter(log.frame["user"] < 20), None, log, "mine", "Mine.")
    with pytest.warns(LeakWarning):
        report = evaluate({}, split, ks=[5])
    page = html(Study("t", report, "recall@5", DataFacts.of(log)))
    assert "figure-over-time" not in page


def test_users_of_whom_nothing_is_known_are_told_apart():
    log = drawn()
    split = splits.by_user_time(log)
    some = Split(split.train.filter(split.train.frame["user"] < 20), None, split.test, "s", "S.")
    report = evaluate({}, some, ks=[5])
    page = html(Study("t", report, "ndcg@5", DataFacts.of(log)))
    assert f"nothing is known of them ({int(report.cold.sum())} users)" in page


def test_the_facts_of_data():
    log = Interactions({"user": [1, 1, 1, 2], "item": ["a", "a", "b", "a"], "time": [1, 2, 3, 9]})
    facts = DataFacts.of(log)
    assert facts.counts["repeats"] == 0.25
    assert facts.counts["head"] == 1.0
    assert facts.counts["median_per_user"] == facts.counts["median_per_item"] == 2.0
    assert facts.tail == ((0.0, 0.0), (0.5, 0.75), (1.0, 1.0))
    assert sum(events for _, events in facts.times) == 4
    assert DataFacts.of(log.take(np.array([0]))).times == ()


def test_what_is_missing_is_named(monkeypatch, study):
    real = builtins.__import__

    def without(name, *more):
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"shortlist\[report\]"):
        html(study)
