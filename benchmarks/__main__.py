"""``python -m benchmarks [NAME] [--json] [...]``: list the benchmarks, or run one."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import (
    ctr,
    diversity,
    evaluate,
    evaluate_large,
    gowalla,
    ingest,
    movielens,
    postranking,
    quality,
    rank_serve,
    rank_train,
    search,
    serve,
    table_size,
    train_step,
    tutorial,
    tutorials,
    vectors,
)
from benchmarks.comparison import table
from benchmarks.environments import peers_folder
from benchmarks.settings import BACKENDS, Benchmark, Settings, installed

BENCHMARKS: dict[str, Benchmark] = {
    "train-step": train_step.run,
    "table-size": table_size.run,
    "evaluate": evaluate.run,
    "tutorial": tutorial.run,
    "tutorials": tutorials.run,
    "quality": quality.run,
    "evaluate-large": evaluate_large.run,
    "gowalla": gowalla.run,
    "movielens": movielens.run,
    "diversity": diversity.run,
    "postranking": postranking.run,
    "serve": serve.run,
    "ctr": ctr.run,
    "rank-train": rank_train.run,
    "rank-serve": rank_serve.run,
    "vectors": vectors.run,
    "search": search.run,
    "ingest": ingest.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code is 1 where a bar is missed."""
    asked = _parser().parse_args(arguments)
    if asked.name is None:
        for name, benchmark in BENCHMARKS.items():
            summary = (sys.modules[benchmark.__module__].__doc__ or "").splitlines()[0]
            print(f"{name:14} {summary}")
        return 0
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        settings = Settings(
            folder=Path(folder),
            peers=asked.peers or peers_folder(),
            backends=installed(asked.backend or BACKENDS),
            cores=_cores(asked.cores),
            rounds=asked.rounds,
            quick=asked.quick,
            only=asked.only,
            epochs=asked.epochs,
            data=asked.data,
            pictures=asked.pictures,
        )
        lines = []
        for line in BENCHMARKS[asked.name](settings):
            lines.append(line)
            if asked.json:
                print(line.json(), flush=True)
            else:
                print(f"  {line.case}: {line.ratio:.3f} x {line.peer}", file=sys.stderr)
    if not asked.json:
        print(table(lines))
    return int(any(line.holds is False for line in lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=list(BENCHMARKS))
    parser.add_argument(
        "data", nargs="?", type=Path, help="the folder of its data, if it needs one"
    )
    parser.add_argument("--json", action="store_true", help="a line of JSON for every case")
    parser.add_argument(
        "--backend", action="append", choices=BACKENDS, help="measure this one; can be repeated"
    )
    parser.add_argument(
        "--cores",
        type=int,
        action="append",
        metavar="N",
        help="pin to N cores; can be repeated (default: 1, then 2 where there are two)",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="runs that a median is of")
    parser.add_argument("--epochs", type=int, metavar="N", help="how long `tutorials` trains")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with TEXT in their name")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="draw pictures there, if it has any"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try whether it works")
    parser.add_argument(
        "--peers",
        type=Path,
        metavar="FOLDER",
        help="where the peers' environments are or are made (default: BENCHMARKS_PEERS, or the "
        "cache)",
    )
    return parser


def _cores(counts: Sequence[int] | None) -> list[tuple[int, ...]]:
    available = sorted(os.sched_getaffinity(0))
    wanted = counts or [1, *([2] if len(available) > 1 else [])]
    for count in wanted:
        if not 1 <= count <= len(available):
            raise SystemExit(f"--cores expected 1 to {len(available)}; received {count}.")
    return [tuple(available[:count]) for count in wanted]


if __name__ == "__main__":
    sys.exit(main())
