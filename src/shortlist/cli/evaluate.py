"""`shortlist evaluate BUNDLE [CONFIG]`: the metrics of a saved recommender."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shortlist.cli.jobs import judged
from shortlist.cli.options import AsJson, Bundle, Debug
from shortlist.cli.output import emit
from shortlist.cli.process import quiet_backends
from shortlist.errors import ConfigError
from shortlist.recommender.config import Config

if TYPE_CHECKING:
    from shortlist.evaluation import Report

__all__ = ["TrainedElsewhereWarning", "evaluate"]


class TrainedElsewhereWarning(UserWarning):
    """A recommender is judged by data it may have learned from."""


def evaluate(
    bundle: Bundle,
    config: Annotated[
        Path | None,
        typer.Argument(help="A TOML file with other [data], [split] or [evaluation]."),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Evaluate a saved recommender beside popularity, on the data and split it was trained with.

    With a configuration file, on the data and split that the file names.
    """
    quiet_backends(debug=debug)
    report = review(bundle, None if config is None else Config.from_toml(config))
    found = {"bundle": bundle, **judged(report)}
    emit(found, lambda console: console.print(report.table()), as_json=as_json)


def review(bundle: Path, config: Config | None) -> Report:
    """Judge the recommender in ``bundle`` by the test part of ``config``, or of its own training.

    Raises:
        BundleError: there is no bundle, or it is damaged.
        ConfigError: neither ``config`` nor the bundle says what to judge by.
        ShortlistError: the data cannot be had or used.

    Warns:
        TrainedElsewhereWarning: ``config`` names other data or another split than the bundle's.
    """
    from shortlist.evaluation import evaluate as compare
    from shortlist.recommender import Recommender, UserStore, source, splitting

    recommender = Recommender.load(bundle)
    own = _own_config(bundle)
    wanted = config or own
    if wanted is None:
        raise ConfigError(
            f"The bundle {bundle} does not say what it was trained on, as one made by `shortlist "
            "train` does. Name a configuration file with [data] and [split]."
        )
    if own is None or (wanted.data, wanted.split) != (own.data, own.split):
        warnings.warn(
            "The bundle was trained on other data or another split. Where its training part holds "
            "events of this test part, the metrics are too good.",
            TrainedElsewhereWarning,
            stacklevel=2,
        )
    data = source.load(wanted.data)
    split = splitting.split(data, wanted.split)
    # A bundle knows everybody's history to the end; judged it must know no more than training did.
    recommender = recommender.knowing(UserStore.of(split.train, data.users))
    return compare(
        {"retrieval": recommender.retriever, "pipeline": recommender},
        split,
        wanted.evaluation.ks,
        items=recommender.items,
        users=data.users,
    )


def _own_config(bundle: Path) -> Config | None:
    """The configuration a bundle was made with, if it was made by a job."""
    from shortlist.bundle import read_folder
    from shortlist.recommender.storage import latest_version

    about = read_folder(latest_version(bundle), kind="recommender").read_json("about.json")
    return Config.from_dict(about["config"]) if "config" in about else None
