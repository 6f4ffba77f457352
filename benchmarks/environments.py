"""The peers' own Python environments, made once in a cache folder."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DEEPCTR", "KERAS", "SEARCH", "TFRS", "Peer", "environment", "peers_folder"]


@dataclass(frozen=True)
class Peer:
    """A peer that is installed apart from us.

    Attributes:
        name: of its folder.
        requirements: what pip installs.
    """

    name: str
    requirements: tuple[str, ...]


def _as_here(name: str) -> str:
    """The version that is installed here, so that both sides run on the same framework."""
    try:
        # What follows a + names a local build, which the package index does not have.
        return f"{name}=={importlib.metadata.version(name).split('+')[0]}"
    except importlib.metadata.PackageNotFoundError:
        return name


TFRS = Peer("tfrs", ("tensorflow-recommenders==0.7.7", _as_here("tensorflow"), "tf-keras", "numpy"))
# With what our own Scann needs, for ScaNN's requirements are not always those of the rest here.
SEARCH = Peer(
    "search",
    ("faiss-cpu", "hnswlib", "numpy", "polars", "safetensors", "scann>=1.4", "usearch>=2.16"),
)
DEEPCTR = Peer(
    "deepctr-torch", ("deepctr-torch==0.3.0", _as_here("torch"), _as_here("numpy"), "requests")
)
KERAS = Peer("keras", ("keras>=3.15.1,<3.16", *map(_as_here, ("jax", "tensorflow", "torch"))))


def peers_folder() -> Path:
    """Where environments are made where no folder is given: ``BENCHMARKS_PEERS``, or the cache."""
    given = os.environ.get("BENCHMARKS_PEERS")
    if given:
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "shortlist" / "benchmarks"


def environment(peer: Peer, folder: Path) -> Path:
    """The interpreter of a peer's environment below ``folder``, which is made if need be.

    An environment that is already there, by whoever made it, is used as it is.

    Raises:
        RuntimeError: it could not be made.
    """
    place = folder / peer.name
    python = place / "bin" / "python"
    unfinished = folder / f"{peer.name}.unfinished"
    if python.exists() and not unfinished.exists():
        return python
    print(f"Making the environment of {peer.name} in {place}, once ...", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished.touch()
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [str(python), "-m", "pip", "install", "--quiet", *peer.requirements],
    ):
        done = subprocess.run(command, check=False, stdout=sys.stderr)
        if done.returncode:
            raise RuntimeError(
                f"Could not make the environment of {peer.name}: {' '.join(command)!r} failed. Put "
                f"one with {', '.join(peer.requirements)} into {place} by hand, or try again."
            )
    unfinished.unlink()
    return python
