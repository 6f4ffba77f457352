"""Batch work on Ray Data: encode, embed a catalogue, recommend to everybody, on many machines.

    recommend_all(bundle, "lists.parquet", k=10)               # the file of the single machine
    embed(ray.data.read_parquet("items/"), bundle)             # with a column "vector"
    encode(ray.data.read_parquet("events/"), encoder)          # columns of codes and numbers

Each worker opens the bundle or is given the encoder once, and does with a block what a single
machine does with it. A bundle's models run in ONNX Runtime, so that a worker loads no training
framework. Bundles must lie where every machine finds them. Needs ``pip install 'shortlist[ray]'``.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shortlist.bundle.folder import read_manifest
from shortlist.errors import BundleError, MissingDependencyError, ShortlistError, WorkerError
from shortlist.features import Encoder
from shortlist.recommender.batch import USERS_A_PART, Parts, Work
from shortlist.recommender.pipeline import Recommender
from shortlist.recommender.storage import latest_version

__all__ = ["embed", "encode", "recommend_all"]


def recommend_all(
    bundle: str | Path,
    out: str | Path,
    *,
    k: int = 10,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    users_a_part: int = USERS_A_PART,
    **options: Any,
) -> int:
    """Recommend to every known user and write the lists to the Parquet file ``out``.

    The file is the one that `shortlist.recommender.recommend_all` writes, and a call of either goes
    on with the parts that the other left behind. Ray is started on this machine unless it runs or
    ``RAY_ADDRESS`` names a cluster; parts come to this machine as they are done.

    Args:
        bundle: a saved recommender.
        out: the file; one that stands there is replaced at the very end.
        k: the length of the lists.
        workers: at most this many processes at once; one for each processor by default.
        on_progress: called as ``on_progress(users done, users in all)``.
        users_a_part: how many users a part holds.
        **options: as for `Recommender.recommend`, the same for all.

    Returns:
        The number of rows written.

    Raises:
        MissingDependencyError: Ray is not installed.
        BundleError: the bundle cannot be read.
        ConfigError: there are no known users, or an option is wrong.
        WorkerError: a worker failed, or was lost more often than Ray starts it again.
    """
    library = _library()
    version = latest_version(Path(bundle)).resolve()
    recommender = Recommender.load(version)
    work = Work(recommender, k, users_a_part, options)
    # What is wrong with an option is said here, and not by a worker.
    recommender.recommend(recommender.users.histories.users[:1], k, **options)
    identity = read_manifest(version).fingerprint
    parts = Parts(Path(out), work, identity)
    wanted = [number for number in range(work.count) if number not in parts]
    done = work.count - len(wanted)
    if on_progress is not None:
        on_progress(min(done * users_a_part, work.users), work.users)
    with _running(library):
        for number, data in _made(library, wanted, workers, (version, identity, work.call)):
            parts.put(number, data)
            done += 1
            if on_progress is not None:
                on_progress(min(done * users_a_part, work.users), work.users)
    return parts.finish()


def embed(dataset: Any, bundle: str | Path, *, batch_size: int = 4096, workers: int = 1) -> Any:
    """The candidate tower's vectors of the items of a Ray dataset.

    Args:
        dataset: a `ray.data.Dataset` with ``item`` and the attributes of a bundle's items, as
            `Recommender.embed_items` takes them.
        bundle: a saved recommender with two towers.
        batch_size: how many items are embedded at a time.
        workers: how many processes do it.

    Returns:
        The dataset with a column ``vector``, computed when it is read.

    Raises:
        MissingDependencyError: Ray is not installed.
        BundleError: the bundle cannot be read.
    """
    library = _library()
    version = latest_version(Path(bundle)).resolve()
    given = (version, read_manifest(version).fingerprint)
    return _mapped(library, dataset, _Embedder, given, batch_size, workers)


def encode(dataset: Any, encoder: Encoder, *, batch_size: int = 65_536, workers: int = 1) -> Any:
    """The features of the rows of a Ray dataset.

    Args:
        dataset: a `ray.data.Dataset` with the columns of the encoder.
        encoder: a fitted `shortlist.features.Encoder`.
        batch_size: how many rows are encoded at a time.
        workers: how many processes do it.

    Returns:
        A dataset with a column for each feature, as ``encoder.transform`` names them, computed
        when it is read.

    Raises:
        MissingDependencyError: Ray is not installed.
    """
    return _mapped(_library(), dataset, _Encoding, (encoder,), batch_size, workers)


class _Lists:
    """Makes parts of `recommend_all`, given their numbers."""

    def __init__(self, version: Path, identity: str, call: tuple[Any, ...]) -> None:
        self._work = Work(_opened(version, identity), *call)

    def __call__(self, block: Any) -> dict[str, Any]:
        numbers = block["part"].to_pylist()
        return {"part": numbers, "data": [self._work.part(number) for number in numbers]}


class _Embedder:
    """Adds the vectors to blocks of items."""

    def __init__(self, version: Path, identity: str) -> None:
        self._recommender = _opened(version, identity)

    def __call__(self, block: Any) -> Any:
        frame = pl.DataFrame(block)
        vectors = np.asarray(self._recommender.embed_items(frame), dtype=np.float32)
        return frame.with_columns(pl.Series("vector", vectors)).to_arrow()


class _Encoding:
    """Encodes blocks of rows."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def __call__(self, block: Any) -> dict[str, Any]:
        return self._encoder.transform(pl.DataFrame(block))


def _opened(version: Path, identity: str) -> Recommender:
    if read_manifest(version).fingerprint != identity:
        raise BundleError(
            f"A worker found another bundle at {version} than the one it was to use. Put the "
            "bundle where every machine finds the same."
        )
    return Recommender.load(version)


def _made(
    library: Any, wanted: list[int], workers: int | None, given: tuple[Any, ...]
) -> Iterator[tuple[int, bytes]]:
    """The parts with the numbers ``wanted``, in the order in which they are done."""
    if not wanted:
        return
    processors = int(library.cluster_resources().get("CPU", 1))
    most = max(1, min(workers or processors, len(wanted)))
    numbers = library.data.from_items(
        [{"part": number} for number in wanted], override_num_blocks=min(len(wanted), 1000)
    )
    rows = _mapped(library, numbers, _Lists, given, 1, most).iter_rows()
    try:
        for row in rows:
            yield int(row["part"]), row["data"]
    except library.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, ShortlistError):
            raise cause from error
        # What a worker ends with is the end of a long trace.
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise WorkerError(
            f"A worker of Ray failed: {reason} What was done is kept; the same call goes on."
        ) from error


def _mapped(
    library: Any, dataset: Any, kind: type, given: tuple[Any, ...], size: int, workers: int
) -> Any:
    return dataset.map_batches(
        kind,
        fn_constructor_args=given,
        batch_size=size,
        batch_format="pyarrow",
        compute=library.data.ActorPoolStrategy(min_size=1, max_size=workers),
    )


def _library() -> Any:
    try:
        import ray  # noqa: PLC0415 - an extra
        import ray.data  # noqa: PLC0415
        import ray.exceptions  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError.of("ray", "ray", "Batch work on Ray") from error
    return ray


@contextlib.contextmanager
def _running(library: Any) -> Iterator[None]:
    """Ray as it runs, or else one of our own, which is quiet and ends with the work."""
    if library.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    alone = {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
    library.init(log_to_driver=False, logging_level="ERROR", **alone)
    context = library.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel("ERROR")
    try:
        yield
    finally:
        library.shutdown()
