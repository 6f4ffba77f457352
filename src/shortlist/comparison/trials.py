"""The options of each model, chosen on a part of a round's training data that is held out."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from shortlist.comparison.config import ComparisonConfig
from shortlist.comparison.contenders import CONTENDERS, Contender, Material
from shortlist.comparison.fitting import Round, fitting
from shortlist.comparison.tuning import Tuner
from shortlist.data import LeakWarning
from shortlist.datasets import Dataset
from shortlist.evaluation import Truth
from shortlist.evaluation.run import ask
from shortlist.metrics.ranking import METRICS
from shortlist.recommender import splitting
from shortlist.recommender.provenance import fingerprint
from shortlist.report import Tuned

__all__ = ["Trials", "marks"]

_BLOCK = 1024


class Trials:
    """Tunes the models of a round; the test part is not looked at.

    Args:
        config: of the comparison.
        round_: whose training part is used.
        about: the fingerprints of the data; trials are taken up again only where they were about
            the same thing.
        on_progress: called as ``on_progress(stage, trials done, trials in all)``.
    """

    def __init__(
        self,
        config: ComparisonConfig,
        round_: Round,
        about: Mapping[str, str],
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self.config = config
        self.round = round_
        self.about = about
        self.on_progress = on_progress

    def tuned(self, name: str, others: Mapping[str, Tuned]) -> Tuned:
        """The best options that are found for a model.

        Args:
            name: of the model.
            others: what was found of the models before it; the pipeline takes its towers' options.

        Raises:
            CannotFitError: the model says that the data are not for it.
            MissingDependencyError: ``optuna`` is not installed.
        """
        compare, contender = self.config.compare, CONTENDERS[name]
        fixed = contender.checked(name, compare.options.get(name, {}))
        if name == "pipeline" and "two-towers" in others:
            fixed = {**others["two-towers"].options, **fixed}
        path = Path(compare.folder) / "tuning.sqlite"
        tuner = Tuner(path, trials=compare.trials, seconds=compare.seconds, seed=self.config.seed)
        report = self.on_progress
        return tuner.tune(
            contender,
            f"{name}-{self._digest(name, fixed)}",
            {**contender.defaults(self.config), **fixed},
            fixed,
            lambda options: self._score(name, contender, options),
            None
            if report is None
            else lambda done, total: report(self.round.called(name), done, total),
        )

    def _score(self, name: str, contender: Contender, options: Mapping[str, Any]) -> float:
        """The metric on validation."""
        compare = self.config.compare
        metric = METRICS[compare.metric.partition("@")[0]]
        material, truth = self._validation
        model = fitting(contender, material, options)()
        places = ask(name, model, truth, compare.k, block_size=_BLOCK).places
        return float(metric(truth.hits(0, places), truth.sizes, compare.k).mean())

    @cached_property
    def _validation(self) -> tuple[Material, Truth]:
        """A part of train, which is cut off as the test part was."""
        whole, share = self.round.material, self.config.compare.validation
        with warnings.catch_warnings():  # said of the split itself already
            warnings.simplefilter("ignore", LeakWarning)
            split = splitting.validation(whole.train, self.config.split, share)
        material = Material(split.train, whole.users, whole.items, whole.config)
        items = material.catalogue["item"]
        return material, Truth.of(split, items=items, users=whole.users)

    def _digest(self, name: str, fixed: Mapping[str, Any]) -> str:
        config, compare = self.config.to_dict(), self.config.compare
        used = ["split", "features", "seed"]
        if CONTENDERS[name].needs_keras:
            used += ["retrieval", "ranking"]
        about = {key: config[key] for key in used}
        about["about"] = [compare.metric, compare.validation, repr(CONTENDERS[name].space)]
        about["fixed"] = dict(fixed)
        about["data"] = [self.about, self.round.name]
        text = json.dumps(about, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def marks(data: Dataset) -> dict[str, str]:
    """Fingerprints of the data."""
    frames = {"interactions": data.interactions.frame, "items": data.items}
    if data.users is not None:
        frames["users"] = data.users
    return {name: fingerprint(frame) for name, frame in frames.items()}
