"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AsJson", "Bundle", "Debug", "Out"]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show tracebacks, and what the backends have to say.")
]
Bundle = Annotated[Path, typer.Argument(help="A bundle, or the folder of its versions.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder for the bundle; each run adds a version.")
]
