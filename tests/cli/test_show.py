from __future__ import annotations

import io

from rich.console import Console

from shortlist.cli.show import show_facts, show_metrics, show_recommendations


def shown(function: object, *values: object) -> list[str]:
    file = io.StringIO()
    function(Console(file=file, width=120, markup=False, highlight=False), *values)  # type: ignore[operator]
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_facts_are_a_line_each_with_readable_numbers() -> None:
    facts = {"rows": 100000, "density": 0.0630467, "last_time": "1998-04-22"}
    assert shown(show_facts, facts) == [
        "rows       100,000",
        "density    0.06305",
        "last time  1998-04-22",
    ]


def test_the_table_of_metrics_has_a_row_a_recommender_and_says_where_a_number_is_missing() -> None:
    metrics = {
        "popularity": {"ndcg@10": 0.12201, "recall@10": 0.0661},
        "pipeline": {"ndcg@10": 0.2},
    }
    assert shown(show_metrics, metrics) == [
        "            ndcg@10  recall@10",
        "popularity   0.1220     0.0661",
        "pipeline     0.2000          —",
    ]


def test_the_best_of_each_column_stands_out() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="standard", width=120)
    show_metrics(console, {"a": {"x": 0.1, "y": 0.4}, "b": {"x": 0.2, "y": 0.3}})
    bold = [part.split("\x1b")[0] for part in file.getvalue().split("\x1b[1m")[1:]]
    assert [text.strip() for text in bold if text[:1].isdigit()] == ["0.4000", "0.2000"]


def test_recommendations_are_numbered_with_their_titles() -> None:
    rows = [
        {"item": 50, "title": "Star Wars (1977)", "score": 1.25},
        {"item": 1, "title": "[REC]", "score": -0.5},
    ]
    assert shown(show_recommendations, rows) == [
        " 1.  1.250   50  Star Wars (1977)",
        " 2.  -0.500  1   [REC]",
    ]
