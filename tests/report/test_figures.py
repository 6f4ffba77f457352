from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from shortlist.errors import DataError
from shortlist.report.figures import Interval, Series, intervals, lines, scatter

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("draw", [lines, scatter])
@pytest.mark.parametrize(
    "series",
    [
        Series("", [0.2, 0.19, 0.1], [0.7, 0.75, 0.9], ["1", "0.9", "0.5"]),
        Series("ours <b>", [0.5], [0.5], ["1"]),
        Series("", [0.1, 0.1], [3.0, 3.0], ["a", "b"]),
        Series("", [-1e6, 1e6], [1e-9, 2e-9], ["<a>", "&"]),
        Series("", [1e12, 1e12], [0.0, 0.0], ["far", "farther"]),
    ],
)
def test_a_figure_is_a_small_document_with_everything_inside(draw, series):
    text = draw("MMR & more", "NDCG@10", "diversity", [series])
    root = ElementTree.fromstring(text)  # noqa: S314  (it is our own)
    assert len(text) < 20_000
    circles = [c for c in root.findall(f"{SVG}circle") if c.get("r") == "3.5"]
    assert len(circles) == len(series.x)
    for circle in circles:
        assert 64 - 1e-6 <= float(circle.get("cx")) <= 452
        assert 40 - 1e-6 <= float(circle.get("cy")) <= 272
    texts = [element.text for element in root.findall(f"{SVG}text")]
    assert {"MMR & more", "NDCG@10", "diversity", series.labels[0]} <= set(texts)
    assert (draw is lines) == bool(root.findall(f"{SVG}polyline"))


def test_labels_do_not_lie_upon_each_other():
    series = Series("", [0.1, 0.1001, 0.5], [1.0, 1.0, 2.0], ["one", "two", "far"])
    text = lines("t", "x", "y", [series])
    assert ">one<" in text
    assert ">far<" in text
    assert ">two<" not in text


def test_cut_offs_are_written_and_equal_factors_are_as_far_apart():
    text = lines("t", "k", "y", [Series("m", [1, 10, 100], [0.1, 0.2, 0.3])], x_ticks="values")
    root = ElementTree.fromstring(text)  # noqa: S314
    places = [float(c.get("cx")) for c in root.findall(f"{SVG}circle") if c.get("r") == "3.5"]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2)
    assert {"1", "10", "100"} <= {e.text for e in root.findall(f"{SVG}text")}


def test_what_is_no_number_is_left_out():
    nan = float("nan")
    text = scatter("t", "x", "y", [Series("a", [0.1, nan], [0.1, 0.2]), Series("b", [0], [nan])])
    assert text.count('r="3.5"') == 1
    assert ">b<" not in text
    rows = [Interval("a", 0.1, 0.0, 0.2), Interval("b", nan, nan, nan)]
    assert intervals("t", "x", rows).count("<circle") == 1
    with pytest.raises(DataError, match="at least one point"):
        lines("t", "x", "y", [Series("a", [nan], [1.0])])
    with pytest.raises(DataError, match="at least one interval"):
        intervals("t", "x", rows[1:])


def test_an_interval_spans_its_ends():
    text = intervals("t", "ndcg", [Interval("a", 0.2, 0.1, 0.3), Interval("b", 0.1, 0.1, 0.1)])
    root = ElementTree.fromstring(text)  # noqa: S314
    bars = [p.get("d") for p in root.findall(f"{SVG}path") if p.get("stroke-width") == "3"]
    first, second = ((float(d[1:].split(" ")[0]), float(d.split("H")[1])) for d in bars)
    dot = float(root.findall(f"{SVG}circle")[0].get("cx"))
    assert first[0] < dot < first[1]
    assert second[0] == second[1] == first[0]


def test_powers_of_ten_are_written_and_equal_factors_are_as_far_apart():
    drawn = lines("t", "ms", "y", [Series("", [0.2, 2, 20], [1, 2, 3])], x_ticks="powers")
    assert all(f">{tick}<" in drawn for tick in ("0.1", "1", "10", "100"))
    first, second, third = (float(x) for x in re.findall(r'<circle cx="([\d.]+)"', drawn))
    assert second - first == pytest.approx(third - second, abs=0.11)
