"""A whole comparison, from a configuration to a page and its files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from shortlist.baselines import Popularity
from shortlist.comparison.config import ComparisonConfig
from shortlist.comparison.contenders import CONTENDERS, Contender, Material
from shortlist.comparison.cost import measured
from shortlist.comparison.files import write_comparison
from shortlist.comparison.seeds import replicates
from shortlist.comparison.tuning import Tuner
from shortlist.comparison.tuning import check_installed as check_tuning
from shortlist.comparison.users import chosen, examples, segments
from shortlist.data import LeakWarning, Split
from shortlist.datasets import Dataset
from shortlist.errors import ConfigError, DataError
from shortlist.evaluation import Truth, average, evaluate, spread
from shortlist.evaluation.beyond import categories_of
from shortlist.evaluation.run import Retriever, ask
from shortlist.metrics.ranking import METRICS
from shortlist.recommender import source
from shortlist.recommender.encoders import catalogue
from shortlist.recommender.provenance import fingerprint, libraries
from shortlist.recommender.storage import next_version
from shortlist.recommender.timing import Stage, timed
from shortlist.report import Cost, DataFacts, Study, Tuned
from shortlist.report.page import check_installed as check_page

__all__ = ["Compared", "ComparisonJob"]

_BLOCK = 1024


class _CannotFitError(Exception):
    """A model is of no use for these data; what it said is kept as the reason."""


@dataclass(frozen=True)
class Compared:
    """What a comparison leaves.

    Attributes:
        study: what was found.
        folder: where the page and its files are.
        stages: what each stage took.
    """

    study: Study
    folder: Path
    stages: tuple[Stage, ...]


@dataclass
class ComparisonJob:
    """Runs a comparison stage by stage.

    Args:
        config: what to do.
        on_stage: called with each finished `Stage`.
        on_progress: called as ``on_progress(stage, done, total)`` while a model is tuned.
    """

    config: ComparisonConfig
    on_stage: Callable[[Stage], None] | None = None
    on_progress: Callable[[str, int, int], None] | None = None
    stages: list[Stage] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def run(self) -> Compared:
        """Load, split, tune and train every model, evaluate and write.

        Raises:
            MissingDependencyError: a library of the extra ``report`` or ``tune`` is missing.
            ShortlistError: what is wrong with the configuration, its data, or what a model answers.
        """
        compare = self.config.compare
        check_page()
        if compare.trials:
            check_tuning()
        with self._stage("data") as say:
            data = source.load(self.config.data)
            split = source.split(data.interactions, self.config.split)
            say(f"{len(split.train):,} to train, {len(split.test):,} to test: {split.description}")
        items = catalogue(split.train, data.items)
        truth = Truth.of(split, items=items["item"], users=data.users)
        # Looked at first, so that a misspelt column is said at once and not after the training.
        categories_of(truth, items, compare.categories)
        rows = chosen(truth, compare.users)
        cuts = segments(truth.queries.users, data.users, compare.segments)
        models, costs, tuned, left_out = self._fit_all(data, split)
        with self._stage("evaluation") as say:
            judge = partial(
                evaluate,
                split=split,
                ks=compare.ks,
                items=items,
                categories=compare.categories,
                users=data.users,
            )
            whole = Material(split.train, data.users, data.items, self.config)
            reports = replicates(models, tuned, CONTENDERS, whole, compare.seeds, judge)
            report = reports[0] if compare.seeds == 1 else average(reports)
            say(f"{len(report.users):,} users, the whole catalogue of {len(items):,} items")
        shown: dict[str, Retriever] = {"popularity": Popularity().fit(split.train), **models}
        study = Study(
            f"Models on {data.name}",
            report,
            compare.metric,
            DataFacts.of(data.interactions),
            costs,
            tuned,
            cuts,
            examples(truth, rows, shown, items, self.config.data.title),
            left_out,
            spread(reports, compare.metric),
        )
        with self._stage("report") as say:
            folder = next_version(Path(compare.folder))
            write_comparison(folder, study, self._about(data))
            say(str(folder))
        return Compared(study, folder, tuple(self.stages))

    def _fit_all(
        self, data: Dataset, split: Split
    ) -> tuple[dict[str, Retriever], dict[str, Cost], dict[str, Tuned], dict[str, str]]:
        models: dict[str, Retriever] = {}
        costs: dict[str, Cost] = {}
        tuned: dict[str, Tuned] = {}
        left_out: dict[str, str] = {}
        whole = Material(split.train, data.users, data.items, self.config)
        validate = self._validation(data, split)
        for name in self.config.compare.models:
            contender = CONTENDERS[name]
            with self._stage(name) as say:
                try:
                    found = self._tune(name, contender, tuned, validate, data)
                    fit = _fitting(contender, whole, found.options)
                    models[name], costs[name] = measured(fit)
                except _CannotFitError as error:
                    left_out[name] = str(error)
                    say(f"left out: {error}")
                    continue
                tuned[name] = found
                say(f"{found.trials} trials, {found.pruned} given up early. {_said(found.options)}")
        return models, costs, tuned, left_out

    def _tune(
        self,
        name: str,
        contender: Contender,
        tuned: Mapping[str, Tuned],
        validate: Callable[[str, Contender, Mapping[str, Any]], float],
        data: Dataset,
    ) -> Tuned:
        compare = self.config.compare
        fixed = contender.checked(name, compare.options.get(name, {}))
        if name == "pipeline" and "two-towers" in tuned:
            fixed = {**tuned["two-towers"].options, **fixed}
        path = Path(compare.folder) / "tuning.sqlite"
        tuner = Tuner(path, trials=compare.trials, seconds=compare.seconds, seed=self.config.seed)
        report = self.on_progress
        return tuner.tune(
            contender,
            f"{name}-{self._digest(name, fixed, data)}",
            {**contender.defaults(self.config), **fixed},
            fixed,
            lambda options: validate(name, contender, options),
            None if report is None else lambda done, total: report(name, done, total),
        )

    def _validation(
        self, data: Dataset, split: Split
    ) -> Callable[[str, Contender, Mapping[str, Any]], float]:
        """The metric of a model on a part of train, which is cut off as the test part was."""
        compare = self.config.compare
        cut = dataclasses.replace(self.config.split, test=compare.validation)
        metric = METRICS[compare.metric.partition("@")[0]]
        found: list[tuple[Material, Truth]] = []

        def prepared() -> tuple[Material, Truth]:
            if not found:
                with warnings.catch_warnings():  # said of the split itself already
                    warnings.simplefilter("ignore", LeakWarning)
                    inner = source.split(split.train, cut)
                items = catalogue(inner.train, data.items)["item"]
                material = Material(inner.train, data.users, data.items, self.config)
                found.append((material, Truth.of(inner, items=items, users=data.users)))
            return found[0]

        def score(name: str, contender: Contender, options: Mapping[str, Any]) -> float:
            material, truth = prepared()
            model = _fitting(contender, material, options)()
            places = ask(name, model, truth, compare.k, block_size=_BLOCK).places
            return float(metric(truth.hits(0, places), truth.sizes, compare.k).mean())

        return score

    def _digest(self, name: str, fixed: Mapping[str, Any], data: Dataset) -> str:
        """Trials are taken up again only where they were about the same thing."""
        config, compare = self.config.to_dict(), self.config.compare
        used = ["split", "features", "seed"]
        if CONTENDERS[name].needs_keras:
            used += ["retrieval", "ranking"]
        about = {key: config[key] for key in used}
        about["about"] = [compare.metric, compare.validation, repr(CONTENDERS[name].space)]
        about["fixed"] = dict(fixed)
        about["data"] = self._marks(data)
        text = json.dumps(about, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _marks(self, data: Dataset) -> dict[str, str]:
        """Fingerprints of the data, worked out once."""
        if not self.marks:
            frames = {"interactions": data.interactions.frame, "items": data.items}
            if data.users is not None:
                frames["users"] = data.users
            self.marks.update({name: fingerprint(frame) for name, frame in frames.items()})
        return self.marks

    def _about(self, data: Dataset) -> dict[str, Any]:
        return {
            "config": self.config.to_dict(),
            "data": {
                "name": data.name,
                "source": data.source,
                "fingerprint": self._marks(data)["interactions"],
            },
            "libraries": libraries(),
        }

    def _stage(self, name: str) -> AbstractContextManager[Callable[[str], None]]:
        return timed(name, self.stages, self.on_stage)


def _said(options: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} = {value:.4g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in options.items()
    )


def _fitting(
    contender: Contender, material: Material, options: Mapping[str, Any]
) -> Callable[[], Retriever]:
    def fit() -> Retriever:
        try:
            return contender.fit(material, options)
        except (ConfigError, DataError) as error:
            raise _CannotFitError(str(error)) from error

    return fit
