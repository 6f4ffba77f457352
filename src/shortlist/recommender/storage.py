"""A `Recommender` as a bundle: one numbered folder below the bundle's name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shortlist.baselines import BPR, EASE, GFCF, IALS, ContentKNN, ItemKNN, Popularity
from shortlist.bundle import Draft, Folder, read_folder, write_folder
from shortlist.errors import BundleError, ConfigError, nearest
from shortlist.postranking import PostRanker
from shortlist.recommender.card import card, facts_of
from shortlist.recommender.models import Engine
from shortlist.recommender.reranking import Reranker
from shortlist.recommender.retrieval import TowerRetriever
from shortlist.recommender.users import UserStore

if TYPE_CHECKING:
    from shortlist.recommender.pipeline import Recommender

__all__ = [
    "latest_version",
    "load_recommender",
    "next_version",
    "read_retriever",
    "save_recommender",
    "write_retriever",
]

# What a bundle may name. Loading looks a stage up here, so that it never runs code of the bundle.
_RETRIEVERS: dict[str, Any] = {
    "towers": TowerRetriever,
    "popularity": Popularity,
    "item-knn": ItemKNN,
    "content-knn": ContentKNN,
    "ease": EASE,
    "gf-cf": GFCF,
    "ials": IALS,
    "bpr": BPR,
}


def save_recommender(recommender: Recommender, path: str | Path, about: Mapping[str, Any]) -> None:
    """Write a recommender; see `Recommender.save`."""
    write_folder(path, lambda draft: _write(recommender, draft, about), kind="recommender")


def load_recommender(path: Path, engine: Engine, threads: int) -> dict[str, Any]:
    """The arguments of the `Recommender` in a bundle; see `Recommender.load`."""
    folder = read_folder(latest_version(path), kind="recommender")
    config = folder.read_json("recommender.json")
    retriever = read_retriever(folder.folder("retriever"), engine, threads=threads)
    items = folder.read_table("items.parquet")
    ranker = None
    if config["ranker"]:
        ranker = Reranker.read(folder.folder("ranker"), retriever, items, engine, threads=threads)
    rules = config["postranker"]
    return {
        "retriever": retriever,
        "users": UserStore.read(folder.folder("users")),
        "items": items,
        "fallback": Popularity.read(folder.folder("fallback")),
        "ranker": ranker,
        "postranker": PostRanker.from_config(rules) if rules else None,
        "pool": config["pool"],
        "title": config["title"],
    }


def _write(recommender: Recommender, draft: Draft, about: Mapping[str, Any]) -> None:
    ranker, postranker = recommender.ranker, recommender.postranker
    if ranker is not None and not isinstance(ranker, Reranker):
        raise ConfigError(
            "A saved recommender expected a Reranker or no ranker; received "
            f"{type(ranker).__name__}, which could not be loaded again."
        )
    write_retriever(draft.folder("retriever"), recommender.retriever)
    if ranker is not None:
        ranker.write(draft.folder("ranker"))
    recommender.users.write(draft.folder("users"))
    recommender.fallback.write(draft.folder("fallback"))
    draft.write_table("items.parquet", recommender.items)
    facts = facts_of(recommender)
    draft.write_json("about.json", {**about, "facts": facts})
    draft.file("README.md").write_text(card(facts, about), encoding="utf-8")
    draft.write_json(
        "recommender.json",
        {
            "ranker": ranker is not None,
            "postranker": postranker and postranker.to_config(),
            "pool": recommender.pool,
            "title": recommender.title,
        },
    )


def write_retriever(draft: Draft, retriever: Any) -> None:
    """Write a retriever into a part of a bundle, under its name.

    Raises:
        ConfigError: it is none of those that can be loaded again.
    """
    for name, kind in _RETRIEVERS.items():
        if type(retriever) is kind:
            draft.write_json("retriever.json", {"name": name})
            retriever.write(draft.folder("parts"))
            return
    raise ConfigError(
        f"A saved recommender expected a retriever of {[k.__name__ for k in _RETRIEVERS.values()]};"
        f" received {type(retriever).__name__}, which could not be loaded again."
    )


def read_retriever(folder: Folder, engine: Engine = "auto", *, threads: int = 1) -> Any:
    """Open what `write_retriever` wrote; see `Recommender.load` for the options.

    Raises:
        BundleError: it is of a kind this version does not know.
    """
    name = folder.read_json("retriever.json")["name"]
    if name not in _RETRIEVERS:
        raise BundleError(
            f"{folder.path} holds a retriever {name!r}; this version knows {sorted(_RETRIEVERS)}."
            f"{nearest(str(name), _RETRIEVERS)} Load it with the version that wrote it."
        )
    if name == "towers":
        return TowerRetriever.read(folder.folder("parts"), engine, threads=threads)
    return _RETRIEVERS[name].read(folder.folder("parts"))


def next_version(folder: Path) -> Path:
    """The path of the version after the highest that stands in ``folder``; 1 for the first."""
    return folder / str(max(_versions(folder), default=0) + 1)


def latest_version(path: Path) -> Path:
    """The highest version in ``path``, or ``path`` itself where it is a version.

    Raises:
        BundleError: there is no bundle.
    """
    if (path / "manifest.json").is_file():
        return path
    versions = _versions(path)
    if not versions:
        raise BundleError(
            f"Expected a bundle at {path}: a folder with a manifest.json, or one of numbered "
            f"versions; found {'neither' if path.exists() else 'nothing'}. Make one with "
            "`shortlist train` or `shortlist quickstart`."
        )
    return path / str(max(versions))


def _versions(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]
