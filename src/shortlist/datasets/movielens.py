"""MovieLens: ratings of films by the users of movielens.org, collected by GroupLens."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shortlist.data import Interactions
from shortlist.datasets._movielens_files import Tables, read_1m, read_100k, read_csv_sets
from shortlist.datasets._movielens_folds import Folds, check_folds
from shortlist.datasets.archive import Archive
from shortlist.datasets.dataset import Dataset
from shortlist.datasets.fetch import (
    UnreachableError,
    Wheel,
    cache_folder,
    download,
    download_wheel,
    verify,
)
from shortlist.errors import ChecksumError, ConfigError, DownloadError, nearest

__all__ = ["movielens"]

_URL = "https://files.grouplens.org/datasets/movielens/"
_TERMS = """\
MovieLens data, collected by GroupLens Research at the University of Minnesota. You may use it for
research. You may not state or imply their endorsement, pass the data on, or use it for commercial
purposes without their permission. Please cite: F. M. Harper and J. A. Konstan (2015). The MovieLens
Datasets: History and Context. ACM TiiS 5(4), article 19. The terms in full: {url}"""
_WHEEL = Wheel(
    requirement="recbole==1.2.1",
    name="recbole-1.2.1-py3-none-any.whl",
    size=2_130_151,
    sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
)


@dataclass(frozen=True)
class _Release:
    """One release: its checksum, its reader and the page with its terms."""

    algorithm: str
    checksum: str
    read: Callable[[Archive], Tables]
    readme: str
    wheel: Wheel | None = None


_RELEASES = {
    "100k": _Release(
        "sha256",
        "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
        read_100k,
        "ml-100k-README.txt",
        _WHEEL,
    ),
    "1m": _Release(
        "sha256",
        "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
        read_1m,
        "ml-1m-README.txt",
    ),
    "20m": _Release(
        "sha256",
        "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
        read_csv_sets,
        "ml-20m-README.html",
    ),
    "25m": _Release(
        "sha256",
        "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
        read_csv_sets,
        "ml-25m-README.html",
    ),
    "32m": _Release("md5", "d472be332d4daa821edc399621853b57", read_csv_sets, "ml-32m-README.html"),
    "latest-small": _Release(
        "sha256",
        "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
        read_csv_sets,
        "ml-latest-small-README.html",
    ),
}


def movielens(name: str = "100k", path: str | Path | None = None) -> Dataset:
    """Load one of the MovieLens data sets; user and item ids are integers.

    The data is looked for at ``path``; else in the cache (``SHORTLIST_CACHE``, by default the
    platform's cache folder); else it is downloaded from GroupLens and its checksum verified; else,
    for 100k alone, the copy inside the wheel recbole 1.2.1 is fetched with pip, verified, and read
    without being installed. GroupLens' terms of use are printed to stderr on download.

    Args:
        name: ``"100k"``, ``"1m"``, ``"20m"``, ``"25m"``, ``"32m"`` or ``"latest-small"``.
        path: the zip as downloaded, or the folder it unpacks to. Its checksum is not verified.

    Returns:
        A `Dataset`. Its interactions are in the order of the original file, with the columns user,
        item, time (seconds since 1970) and rating. Items have item, title, year (null where the
        title names none) and genres (a list). Users have user and, in 100k and 1m, gender, age,
        occupation and zip_code. 100k has GroupLens' folds u1 to u5.

    Raises:
        ConfigError: there is no such data set.
        DataError: what is at ``path`` is damaged or something else.
        ChecksumError: a file in the cache or from the network is not what it should be.
        DownloadError: the data could not be fetched.
    """
    release = _RELEASES.get(name)
    if release is None:
        raise ConfigError(
            f"Expected a MovieLens data set among {', '.join(_RELEASES)}; received {name!r}."
            f"{nearest(name, _RELEASES)}"
        )
    place = Path(path).expanduser() if path is not None else _fetch(name, release)
    with Archive(place) as archive:
        tables = release.read(archive)
        check_folds(archive, tables.ratings)
    interactions = Interactions(tables.ratings)
    return Dataset(
        name=f"movielens-{name}",
        interactions=interactions,
        users=tables.users,
        items=tables.items,
        source=str(place),
        folds=Folds(interactions) if name == "100k" else {},
    )


def _fetch(name: str, release: _Release) -> Path:
    """The path of the verified archive in the cache, downloaded if need be."""
    folder = cache_folder() / "movielens"
    official = folder / f"ml-{name}.zip"
    if official.is_file():
        verify(official, release.algorithm, release.checksum)
        return official
    wheel = release.wheel
    if wheel is not None and (folder / wheel.name).is_file():
        verify(folder / wheel.name, "sha256", wheel.sha256)
        return folder / wheel.name
    url = _URL + official.name
    try:
        download(url, official, release.algorithm, release.checksum)
        place = official
    except UnreachableError as error:
        if wheel is None:
            raise DownloadError(f"{error} {_by_hand(url, name)}") from error
        _say(f"{error} Taking the copy in the wheel {wheel.requirement} instead.")
        place = _fetch_wheel(wheel, folder / wheel.name, _by_hand(url, name))
    _say(_TERMS.format(url=_URL + release.readme))
    return place


def _fetch_wheel(wheel: Wheel, target: Path, remedy: str) -> Path:
    try:
        return download_wheel(wheel, target)
    except ChecksumError:
        raise
    except DownloadError as error:
        raise DownloadError(f"{error}. {remedy}") from error


def _by_hand(url: str, name: str) -> str:
    return f"Download {url} elsewhere and pass movielens({name!r}, path='ml-{name}.zip')."


def _say(message: str) -> None:
    print(message, file=sys.stderr)
