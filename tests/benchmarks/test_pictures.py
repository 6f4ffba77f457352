from __future__ import annotations

from xml.etree import ElementTree

import pytest
from benchmarks.pictures import Series, picture

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    "series",
    [
        Series([0.2, 0.19, 0.1], [0.7, 0.75, 0.9], ["1", "0.9", "0.5"]),
        Series([0.5], [0.5], ["1"]),
        Series([0.1, 0.1], [3.0, 3.0], ["a", "b"]),
        Series([-1e6, 1e6], [1e-9, 2e-9], ["<a>", "&"]),
    ],
)
def test_a_picture_is_a_small_document_with_everything_inside(series):
    text = picture("MMR & more", "NDCG@10", "diversity", series)
    root = ElementTree.fromstring(text)  # noqa: S314  (it is our own)
    assert len(text) < 20_000
    circles = root.findall(f"{SVG}circle")
    assert len(circles) == len(series.x)
    for circle in circles:
        assert 64 - 1e-6 <= float(circle.get("cx")) <= 452
        assert 40 - 1e-6 <= float(circle.get("cy")) <= 272
    texts = [element.text for element in root.findall(f"{SVG}text")]
    assert {"MMR & more", "NDCG@10", "diversity", series.labels[0]} <= set(texts)


def test_labels_do_not_lie_upon_each_other():
    text = picture(
        "t", "x", "y", Series([0.1, 0.1001, 0.5], [1.0, 1.0, 2.0], ["one", "two", "far"])
    )
    assert ">one<" in text
    assert ">far<" in text
    assert ">two<" not in text
