"""Which libraries are installed, and how to get those that are not.

The list is not kept here: it is what the installed package itself says it needs, with and without
its extras.
"""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import sys
from dataclasses import dataclass

__all__ = ["Library", "libraries", "older"]

# Extras for working on the project rather than with it.
_FOR_DEVELOPERS = {"test", "lint", "docs"}
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(\[(?P<extras>[^]]*)\])?\s*(?P<bounds>[^;]*?)\s*"
    r"(;\s*(?P<marker>.*))?"
)
_EXTRA = re.compile(r"""extra\s*==\s*["'](?P<extra>[^"']+)["']""")


@dataclass(frozen=True)
class Library:
    """A library that is used here.

    Attributes:
        name: as it is installed.
        extra: the extra of this package that brings it; None where it always comes along.
        needs: the bounds on its version, such as ``>=3.15.1``.
        version: the one installed, or None.
    """

    name: str
    extra: str | None
    needs: str
    version: str | None

    @property
    def command(self) -> str:
        """The command that installs it, for the Python that runs now."""
        wanted = f"shortlist[{self.extra}]" if self.extra else f"{self.name}{self.needs}"
        return f"{shlex.quote(sys.executable)} -m pip install {shlex.quote(wanted)}"

    @property
    def too_old(self) -> bool:
        """Whether it is installed in a version older than is needed."""
        bound = re.search(r">=\s*([0-9.]+)", self.needs)
        return self.version is not None and bound is not None and older(self.version, bound[1])


def libraries() -> list[Library]:
    """The libraries this package uses, each once, those that always come along first."""
    try:
        lines = importlib.metadata.requires("shortlist") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found: dict[str, Library] = {}
    for name, bounds, extra in sorted(map(_requirement, lines), key=lambda r: r[2] is not None):
        if extra not in _FOR_DEVELOPERS and name != "shortlist" and name not in found:
            found[name] = Library(name, extra, bounds, _version(name))
    return list(found.values())


def older(version: str, bound: str) -> bool:
    """Whether ``version`` comes before ``bound``; only the numbers count.

    >>> older("3.9", "3.15.1"), older("3.15.1", "3.15.1"), older("4.0rc1", "3.15.1")
    (True, False, False)
    """
    return _numbers(version) < _numbers(bound)


def _numbers(version: str) -> list[int]:
    numbers = [int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3]]
    return numbers + [0] * (3 - len(numbers))


def _requirement(line: str) -> tuple[str, str, str | None]:
    """Name, bounds and extra of a line of metadata.

    >>> _requirement("keras>=3.15.1; extra == 'jax'")
    ('keras', '>=3.15.1', 'jax')
    >>> _requirement("numpy>=2.0")
    ('numpy', '>=2.0', None)
    """
    parts = _REQUIREMENT.fullmatch(line.strip())
    if parts is None:
        return line, "", None
    extra = _EXTRA.search(parts["marker"] or "")
    return parts["name"], parts["bounds"], extra["extra"] if extra else None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
