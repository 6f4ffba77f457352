"""The model card of a bundle: what is in it, what it was made from, and how good it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shortlist.recommender.pipeline import Recommender

__all__ = ["card", "facts_of"]

_METRICS_SHOWN = ("ndcg@10", "recall@10", "recall@100", "mrr@10", "coverage@10")


def facts_of(recommender: Recommender) -> dict[str, Any]:
    """What a recommender is made of, as JSON values."""
    postranker = recommender.postranker
    config = {} if postranker is None else postranker.to_config()
    steps = config.get("steps", [config] if config else [])
    ranker = recommender.ranker
    return {
        "items": recommender.size,
        "users": len(recommender.users.histories.users),
        "interactions": len(recommender.users.histories.items_flat),
        "retrieval": type(recommender.retriever).__name__,
        "ranking": None if ranker is None else getattr(ranker, "kind", type(ranker).__name__),
        "postranking": [step["name"] for step in steps],
        "pool": recommender.pool,
    }


def card(facts: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """A README.md, with the head that model hubs read.

    Args:
        facts: what `facts_of` says.
        about: what was given to `Recommender.save`.
    """
    parts = [
        "---",
        "library_name: shortlist",
        "pipeline_tag: other",
        "tags: [recommender-system, onnx]",
        "---",
        "",
        "# A recommender made with shortlist",
        "",
        *_table(("part", "what"), [(k.replace("_", " "), _text(v)) for k, v in facts.items()]),
        "",
        "```python",
        "from shortlist import Recommender",
        "",
        'recommender = Recommender.load("this folder")   # verified first; no code in it is run',
        "recommender.recommend([some_user], k=10).lists()",
        "```",
    ]
    data, split = about.get("data", {}), about.get("split", {})
    sections = {
        "Data": [*data.items(), ("split", split.get("description"))] if data else [],
        "Training": [("seed", about.get("seed")), *about.get("libraries", {}).items()]
        if "seed" in about
        else [],
    }
    for title, rows in sections.items():
        if rows:
            shown = [(k.replace("_", " "), _text(v)) for k, v in rows if v is not None]
            parts += ["", f"## {title}", "", *_table(("", ""), shown)]
    if about.get("metrics"):
        parts += ["", "## Metrics", "", *_metrics(about["metrics"]), "", _HONEST]
    return "\n".join([*parts, ""])


_HONEST = (
    "Means over the test users, against the whole catalogue, without what each had met before. "
    "`about.json` has every digit, all metrics and the whole configuration."
)


def _metrics(metrics: Mapping[str, Mapping[str, float]]) -> list[str]:
    known = {name for found in metrics.values() for name in found}
    names = [name for name in _METRICS_SHOWN if name in known] or sorted(known)[:5]
    rows = [
        (model, *(f"{found[n]:.4f}" if found.get(n) is not None else "" for n in names))
        for model, found in metrics.items()
    ]
    return _table(("", *names), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if type(value) is int else str(value)
