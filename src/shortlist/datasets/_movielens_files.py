"""The three formats MovieLens comes in, and the copy of 100k in a wheel, as one set of tables."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from shortlist.datasets.archive import Archive
from shortlist.errors import DataError

__all__ = ["Tables", "read_1m", "read_100k", "read_csv_sets"]

_RATINGS = {"user": pl.Int64, "item": pl.Int64, "rating": pl.Float32, "time": pl.Int64}
_MOVIES = {"item": pl.Int64, "title": pl.String, "genres": pl.String}
_GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
_OCCUPATIONS_1M = (
    "other", "academic/educator", "artist", "clerical/admin", "college/grad student",
    "customer service", "doctor/health care", "executive/managerial", "farmer", "homemaker",
    "K-12 student", "lawyer", "programmer", "retired", "sales/marketing", "scientist",
    "self-employed", "technician/engineer", "tradesman/craftsman", "unemployed", "writer",
)  # fmt: skip
# The last year in brackets; ranges count from their first, and "(V)" for video may follow.
_YEAR = r"\((\d{4})[^()]*\)(?:\s*\([^()\d]*\))?\s*$"


@dataclass(frozen=True)
class Tables:
    """What was read: ratings in the order of their file, users and items."""

    ratings: pl.DataFrame
    users: pl.DataFrame
    items: pl.DataFrame


def read_100k(archive: Archive) -> Tables:
    """Read MovieLens-100K as GroupLens ships it, or the copy in the recbole wheel."""
    if "ml-100k.inter" in archive:
        return _read_wheel(archive)
    _require(archive, "u.data", "u.item", "u.user")
    users = {"user": pl.Int64, "age": pl.Int64, "gender": pl.String, "occupation": pl.String}
    flags = dict.fromkeys(_GENRES_100K, pl.Int8)
    words = dict.fromkeys(("title", "released", "video", "url"), pl.String)
    items = archive.table(
        "u.item", {"item": pl.Int64, **words, **flags}, separator="|", encoding="latin-1"
    )
    genres = [pl.when(pl.col(genre) == 1).then(pl.lit(genre)) for genre in _GENRES_100K]
    return Tables(
        archive.table("u.data", _RATINGS, separator="\t"),
        _users(archive.table("u.user", users | {"zip_code": pl.String}, separator="|")),
        _items(items.with_columns(genres=pl.concat_list(genres).list.drop_nulls())),
    )


def _read_wheel(archive: Archive) -> Tables:
    """Undo what recbole did to the files: titles came apart, and two of them were mangled."""
    _require(archive, "ml-100k.inter", "ml-100k.item", "ml-100k.user")
    users = {"user": pl.Int64, "age": pl.Int64, "gender": pl.String, "occupation": pl.String}
    words = dict.fromkeys(("title", "year", "genres"), pl.String)
    items = archive.table("ml-100k.item", {"item": pl.Int64, **words}, separator="\t", header=True)
    # Item 1412 has "... (1995)" and year "V", so the same rule makes it "... (1995) (V)" again.
    joined = pl.concat_str("title", pl.lit(" ("), "year", pl.lit(")"))
    title = pl.when(pl.col("item") == 267).then(pl.lit("unknown")).otherwise(joined)
    return Tables(
        archive.table("ml-100k.inter", _RATINGS, separator="\t", header=True),
        _users(
            archive.table(
                "ml-100k.user", users | {"zip_code": pl.String}, separator="\t", header=True
            )
        ),
        _items(items.with_columns(title=title, genres=pl.col("genres").str.split(" "))),
    )


def read_1m(archive: Archive) -> Tables:
    """Read MovieLens-1M. Ages are the lower ends of its seven age groups; 1 is under 18."""
    _require(archive, "ratings.dat", "movies.dat", "users.dat")
    items = archive.table("movies.dat", _MOVIES, separator="::", encoding="latin-1")
    schema = {"user": pl.Int64, "gender": pl.String, "age": pl.Int64, "occupation": pl.Int64}
    users = archive.table("users.dat", schema | {"zip_code": pl.String}, separator="::")
    names = dict(enumerate(_OCCUPATIONS_1M))
    return Tables(
        archive.table("ratings.dat", _RATINGS, separator="::"),
        _users(
            users.with_columns(pl.col("occupation").replace_strict(names, return_dtype=pl.String))
        ),
        _items(items.with_columns(pl.col("genres").str.split("|"))),
    )


def read_csv_sets(archive: Archive) -> Tables:
    """Read MovieLens-20M, 25M, 32M or latest-small, which say nothing about their users."""
    _require(archive, "ratings.csv", "movies.csv")
    ratings = archive.table("ratings.csv", _RATINGS, separator=",", header=True)
    items = archive.table("movies.csv", _MOVIES, separator=",", header=True, quote='"')
    genres = pl.col("genres").str.split("|").list.set_difference(["(no genres listed)"])
    return Tables(
        ratings,
        ratings.select(pl.col("user").unique(maintain_order=True)),
        _items(items.with_columns(genres=genres)),
    )


def _users(users: pl.DataFrame) -> pl.DataFrame:
    return users.select("user", "gender", "age", "occupation", "zip_code")


def _items(items: pl.DataFrame) -> pl.DataFrame:
    title = pl.col("title").str.strip_chars()
    return items.select(
        "item", title, title.str.extract(_YEAR).cast(pl.Int64).alias("year"), "genres"
    )


def _require(archive: Archive, *names: str) -> None:
    missing = [name for name in names if name not in archive]
    if missing:
        raise DataError(
            f"Expected the files {', '.join(names)} in {str(archive.path)!r}; {', '.join(missing)} "
            f"missing, found {archive.names[:12]}. Pass the zip as downloaded, or the folder it "
            "unpacks to."
        )
