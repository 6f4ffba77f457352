"""Who may load a training framework: a child process imports each package and looks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import shortlist

SOURCE = Path(shortlist.__file__).parent
FRAMEWORKS = ("jax", "jaxlib", "keras", "tensorflow", "torch")
NO_FRAMEWORK = (
    "errors",
    "ids",
    "ranked",
    "queries",
    "bundle",
    "inference",
    "index",
    "data",
    "datasets",
    "features",
    "metrics",
    "evaluation",
    "baselines",
    "postranking",
    "ranking",
    "report",
    "comparison",
    "serving",
    "cli",
    "recommender",
)
KERAS_FILES = tuple(
    f"shortlist.metrics.{name}" for name in ("factorized_top_k", "in_lists", "streaming")
)

REPORT = f"""
loaded = sorted(name for name in {FRAMEWORKS!r} if name in sys.modules)
if loaded:
    raise SystemExit(f"{{what}} loaded {{', '.join(loaded)}}")
"""


def modules(name: str) -> list[str]:
    """The module and all below it, found on disk so that nothing is imported here."""
    folder = SOURCE / name.replace(".", "/")
    if not folder.is_dir():
        return [f"shortlist.{name}"] if folder.with_suffix(".py").exists() else []
    files = sorted(folder.rglob("*.py"))
    dotted = [".".join(("shortlist", *f.relative_to(SOURCE).with_suffix("").parts)) for f in files]
    return [d.removesuffix(".__init__") for d in dotted if d not in KERAS_FILES]


def run(code: str) -> None:
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert child.returncode == 0, child.stderr


def test_the_package_loads_no_framework_and_no_data_frames() -> None:
    run(f"import sys, shortlist\nwhat = 'import shortlist'\n{REPORT}")
    run("import sys, shortlist\nraise SystemExit('polars' in sys.modules)")


@pytest.mark.parametrize("name", [name for name in NO_FRAMEWORK if modules(name)])
def test_no_module_of_zone_one_loads_a_framework(name: str) -> None:
    imports = "".join(
        f"import {module}\nwhat = 'import {module}'\n{REPORT}" for module in modules(name)
    )
    run(f"import sys\n{imports}")


def test_help_loads_no_framework() -> None:
    run(
        "import sys\n"
        "from shortlist.cli import main\n"
        "what = 'shortlist --help'\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"{REPORT}"
        "if 'polars' in sys.modules:\n"
        "    raise SystemExit('shortlist --help loaded polars')\n"
    )


def best_of(code: str, runs: int = 5) -> float:
    """The fastest of several starts of Python, in seconds of processor time.

    What else the machine does must not decide a test, and start-up waits for nothing else.
    """
    seconds = []
    for _ in range(runs):
        before = os.times()
        run(code)
        after = os.times()
        user = after.children_user - before.children_user
        seconds.append(user + after.children_system - before.children_system)
    return min(seconds)


def test_importing_the_package_takes_under_a_fifth_of_a_second() -> None:
    assert best_of("import shortlist") - best_of("pass") < 0.2


def test_help_takes_under_half_a_second() -> None:
    help_code = "import sys; from shortlist.cli import main; sys.exit(main(['--help']))"
    assert best_of(help_code) < 0.5
