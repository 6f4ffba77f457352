"""Write the columns that a program of ``examples/tfrs`` learns from, for the other side to read."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np

_PROGRAMS = Path(__file__).parents[2] / "examples" / "tfrs"


def main(name: str, folder: Path, rows: int | None) -> None:
    spec = importlib.util.spec_from_file_location(name, _PROGRAMS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(_PROGRAMS / f"{name}.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    parts = program.load(rows, None) if name == "sequential_retrieval" else program.load(rows)
    folder.mkdir(parents=True, exist_ok=True)
    for part, columns in zip(("train", "test"), parts[:2], strict=True):
        for column, values in columns.items():
            np.save(folder / f"{part}.{column}.npy", values)
    sizes = parts[2]
    if hasattr(sizes, "describe"):
        sizes = {name: info.size for name, info in sizes.describe().items()}
    (folder / "sizes.json").write_text(json.dumps(sizes), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)
