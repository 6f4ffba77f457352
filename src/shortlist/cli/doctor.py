"""`shortlist doctor`: what is installed, what will be used, and what is missing."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from shortlist._version import __version__
from shortlist.cli.libraries import libraries
from shortlist.cli.machine import look_at_machine
from shortlist.cli.options import AsJson, Debug
from shortlist.cli.output import emit
from shortlist.errors import ShortlistError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["doctor"]

# In a process of its own: a library built for another processor does not raise, it kills.
_PROBE = """
import json, time
start = time.perf_counter()
import shortlist._backend, keras
found = keras.ops.convert_to_numpy(keras.ops.matmul(keras.ops.eye(3), keras.ops.ones((3, 3))))
try:
    devices = list(keras.distribution.list_devices())
except Exception:  # only JAX and TensorFlow can say
    devices = []
print(json.dumps({
    "backend": keras.backend.backend(), "right": float(found.sum()) == 9.0, "devices": devices,
    "seconds": time.perf_counter() - start,
}))
"""


def doctor(as_json: AsJson = False, debug: Debug = False) -> None:
    """Say what is installed, which backend will be used and why, and what is missing."""
    found = examine(debug=debug)
    emit(found, lambda console: _show(console, found), as_json=as_json)
    if not found["backend"]["works"]:
        raise typer.Exit(6)


def examine(*, debug: bool = False) -> dict[str, Any]:
    """Everything the doctor looks at, as one object."""
    from shortlist.datasets.fetch import cache_folder
    from shortlist.index.exact import installed

    parts = libraries()
    return {
        "shortlist": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "libraries": {part.name: part.version for part in parts},
        "backend": examine_backend(debug=debug),
        "machine": asdict(look_at_machine()),
        "search_kernels": list(installed()),
        "cache": cache_folder(),
        "missing": [
            {
                "library": part.name,
                "extra": part.extra,
                "found": part.version,
                "needs": part.needs,
                "command": part.command,
            }
            for part in parts
            if part.version is None or part.too_old
        ],
    }


def examine_backend(*, debug: bool = False) -> dict[str, Any]:
    """The backend that training would use, why that one, and whether it really works."""
    try:
        from shortlist._backend import CHOICE
    except ShortlistError as error:
        return {"name": None, "reason": None, "works": False, "problem": str(error)}
    facts = {"name": CHOICE.name, "reason": CHOICE.reason}
    try:
        child = subprocess.run(  # noqa: S603 - our own code in our own interpreter
            [sys.executable, "-c", _PROBE],
            stdout=subprocess.PIPE,
            stderr=None if debug else subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
        said = json.loads(child.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {**facts, "works": False, "problem": "It did not answer within 300 seconds."}
    except (IndexError, ValueError):
        return {**facts, "works": False, "problem": _last_words(child)}
    works = said["right"] and said["backend"] == CHOICE.name
    problem = None if works else f"Expected {CHOICE.name} to give 9; received {said}."
    return {
        **facts,
        "works": works,
        "problem": problem,
        "devices": said["devices"],
        "seconds": said["seconds"],
    }


def _last_words(child: subprocess.CompletedProcess[str]) -> str:
    lines = (child.stderr or "").strip().splitlines()
    how = f"signal {-child.returncode}" if child.returncode < 0 else f"code {child.returncode}"
    return f"It ended with {how}: {lines[-1] if lines else 'it said nothing'}"


def _show(console: Console, found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("shortlist", found["shortlist"])
    table.add_row("python", f"{found['python']}  {found['executable']}")
    table.add_row("platform", found["platform"])
    for name, version in found["libraries"].items():
        table.add_row(name, version or "not installed")
    table.add_row("backend", _backend_line(found["backend"]))
    table.add_row("cores", "{usable_cores} usable of {cores}".format(**found["machine"]))
    table.add_row("memory", _memory_line(found["machine"]))
    threads = found["machine"]["threads"]
    told = ", ".join(f"{name}={value}" for name, value in threads.items())
    table.add_row("threads", told or "each library's own default (no variable sets them)")
    table.add_row("search", _search_line(found["search_kernels"]))
    table.add_row("data cache", str(found["cache"]))
    console.print(table)
    if found["missing"]:
        console.print("\nNot there, and how to get it:")
    for part in found["missing"]:
        state = f"{part['found']}, needs {part['needs']}" if part["found"] else "not installed"
        console.print(f"  {part['library']} ({state})\n    {part['command']}")


def _backend_line(backend: dict[str, Any]) -> str:
    if backend["name"] is None:
        return f"none: {backend['problem']}"
    if not backend["works"]:
        return f"{backend['name']} ({backend['reason']}) does not work. {backend['problem']}"
    devices = f" on {', '.join(backend['devices'])}" if backend["devices"] else ""
    return f"{backend['name']}{devices}: works ({backend['reason']})"


def _search_line(kernels: list[str]) -> str:
    if kernels[0] != "numpy":
        return f"exact in compiled code, {kernels[0]} (there are: {', '.join(kernels)})"
    return "exact in NumPy (several times faster with the package shortlist-kernels)"


def _memory_line(machine: dict[str, Any]) -> str:
    shown = [
        f"{machine[key] / 2**30:.1f} GiB {word}"
        for key, word in (("memory", "in all"), ("available_memory", "available"))
        if machine[key] is not None
    ]
    return ", ".join(shown) or "unknown"
