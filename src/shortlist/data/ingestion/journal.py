"""How far an ingest has come: one small file, replaced whole."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shortlist.bundle.formats import decode_json, encode_json
from shortlist.errors import BundleError, ConfigError

__all__ = ["Mark", "State", "read_state", "write_json"]

STATE = "state.json"


@dataclass
class Mark:
    """A place to go back to.

    Attributes:
        rows: written so far.
        block: the number of the next block.
    """

    rows: int = 0
    block: int = 0


@dataclass
class State:
    """Where to go on.

    Attributes:
        file: the place of the file in the list.
        row: its next row.
        now: what has been written.
        before: what had been written when the file was begun.
        columns: the type and the shape of a row of each column.
        skipped: files that were left out, with the reasons.
    """

    file: int = 0
    row: int = 0
    now: Mark = field(default_factory=Mark)
    before: Mark = field(default_factory=Mark)
    columns: dict[str, tuple[str, list[int]]] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def write(self, folder: Path, plan: dict[str, Any]) -> None:
        """Put it on the disk beside the plan that it belongs to."""
        write_json(folder / STATE, {"plan": plan, "state": asdict(self)})


def read_state(folder: Path, plan: dict[str, Any]) -> State:
    """What `State.write` wrote; a new state where there is none.

    Raises:
        ConfigError: it belongs to another plan.
        BundleError: it cannot be read.
    """
    path = folder / STATE
    if not path.exists():
        return State()
    try:
        found = decode_json(path.read_bytes(), path)
        same, state = found["plan"] == plan, found["state"]
        now, before = (Mark(**state.pop(name)) for name in ("now", "before"))
        read = State(**state, now=now, before=before)
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{path} is damaged: {error!r}. Remove {folder} to begin anew."
        ) from error
    if not same:
        raise ConfigError(
            f"{folder} holds the beginning of another ingest, of other files or columns. Remove it "
            "to begin anew, or give another folder."
        )
    return read


def write_json(path: Path, value: Any) -> None:
    """Write a file, whole or not at all."""
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(encode_json(value, path))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
