"""What goes to stdout: text for a person, or one JSON object for a script."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["OutputClosedError", "emit", "finish_output", "stderr", "write_json"]


class OutputClosedError(Exception):
    """Whoever read stdout stopped reading, as ``| head`` does; not a failure of ours."""


def emit(
    value: Mapping[str, Any], show: Callable[[Console], None], *, as_json: bool = False
) -> None:
    """Print ``value`` as JSON, or let ``show`` print it for a person.

    Raises:
        OutputClosedError: nobody reads stdout any more.
        OSError: stdout cannot be written to, such as a file on a full disk.
    """
    if as_json:
        write_json(value)
        return
    from rich.console import Console

    # A pipe or a file has no width; lines of tables must not be cut to that of a terminal.
    width = None if sys.stdout.isatty() else 200
    console = Console(width=width, highlight=False, markup=False, soft_wrap=True)
    # Captured rather than printed: rich would end the process itself on a closed pipe.
    with console.capture() as captured:
        show(console)
    _write(captured.get())


def write_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object, in ASCII; numbers that JSON does not have become null.

    Raises:
        OutputClosedError: nobody reads stdout any more.
        OSError: stdout cannot be written to, such as a file on a full disk.
    """
    _write(json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def finish_output() -> None:
    """Write what is still buffered for stdout, while an error can still be reported.

    Raises:
        OutputClosedError, OSError: as for `write_json`.
    """
    _write("")


def stderr() -> Console:
    """A console for progress, where it does not mix with the data."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def plain(value: Any) -> Any:
    """``value`` made of nothing but what JSON has.

    >>> from pathlib import PurePosixPath
    >>> plain({"seconds": float("nan"), 7: (1, 2), "bundle": PurePosixPath("a/1")})
    {'seconds': None, '7': [1, 2], 'bundle': 'a/1'}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _write(text: str) -> None:
    try:
        # By lines: with PYTHONUNBUFFERED one large write that is cut short is lost in silence.
        sys.stdout.writelines(text.splitlines(keepends=True))
        sys.stdout.flush()
    except OSError as error:
        # Python would flush stdout once more at the end of the process and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise OutputClosedError from None
        raise
