"""A whole comparison, from a configuration to a page and its files."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from shortlist.baselines import Popularity
from shortlist.comparison.config import ComparisonConfig
from shortlist.comparison.contenders import CONTENDERS
from shortlist.comparison.cost import measured
from shortlist.comparison.files import write_comparison
from shortlist.comparison.fitting import CannotFitError, Fitted, Round, fitting, without
from shortlist.comparison.seeds import replicates
from shortlist.comparison.trials import Trials, marks
from shortlist.comparison.tuning import check_installed as check_tuning
from shortlist.comparison.users import chosen, examples, segments
from shortlist.data import LeakWarning
from shortlist.datasets import Dataset
from shortlist.evaluation import Report, average, evaluate, pool, spread
from shortlist.evaluation.beyond import categories_of
from shortlist.evaluation.run import Retriever
from shortlist.recommender import source, splitting
from shortlist.recommender.provenance import libraries
from shortlist.recommender.storage import next_version
from shortlist.recommender.timing import Stage, timed
from shortlist.report import DataFacts, Study, Tuned
from shortlist.report.page import check_installed as check_page

__all__ = ["Compared", "ComparisonJob"]


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
        data, rounds = self._rounds()
        last = rounds[-1]
        truth = last.truth()
        # Looked at first, so that a misspelt column is said at once and not after the training.
        categories_of(truth, last.items, compare.categories)
        segments(truth.queries.users, data.users, compare.segments)
        rows = chosen(truth, compare.users)
        about = marks(data)
        fitted, tuned, left_out, by_seed = self._over(rounds, about)
        report = average(by_seed)
        shown: dict[str, Retriever] = {
            "popularity": Popularity().fit(last.split.train),
            **fitted.models,
        }
        study = Study(
            f"Models on {data.name}",
            report,
            compare.metric,
            DataFacts.of(data.interactions),
            fitted.costs,
            tuned,
            segments(report.users, data.users, compare.segments),
            examples(truth, rows, shown, last.items, self.config.data.title),
            left_out,
            spread(by_seed, compare.metric),
        )
        with self._stage("report") as say:
            folder = next_version(Path(compare.folder))
            write_comparison(folder, study, self._about(data, about["interactions"]))
            say(str(folder))
        return Compared(study, folder, tuple(self.stages))

    def _rounds(self) -> tuple[Dataset, list[Round]]:
        with self._stage("data") as say:
            data = source.load(self.config.data)
            found = splitting.split_all(data, self.config.split)
            several, last = len(found) > 1, list(found.values())[-1]
            parts = f"{len(last.train):,} to train, {len(last.test):,} to test: {last.description}"
            say(f"{len(found)} rounds. The last: {parts}" if several else parts)
        return data, [
            Round.of(name if several else "", split, data, self.config)
            for name, split in found.items()
        ]

    def _over(
        self, rounds: list[Round], about: Mapping[str, str]
    ) -> tuple[Fitted, dict[str, Tuned], dict[str, str], list[Report]]:
        """Fit and judge round after round, so that only one round's models are held at a time.

        Returns:
            The models of the last round; how each was tuned; what is left out and why; and a
            report over all rounds for each seed.
        """
        once = self.config.split.method == "windows"
        fitted, tuned = Fitted(), dict[str, Tuned]()
        left_out: dict[str, str] = {}
        reports: dict[str, list[Report]] = {}
        for number, one in enumerate(rounds):
            # What a window is tuned on must lie before every test part, so the first one's serves
            # all. A fold's training part holds the test parts of the others.
            known = fitted.tuned if once and number else None
            fitted = self._fit_all(one, about, left_out, known)
            named = fitted.tuned if once or not one.name else _called(one, fitted.tuned)
            tuned |= {name: found for name, found in named.items() if name not in tuned}
            reports[one.name] = self._judge(one, fitted, quiet=number > 0)
        by_seed = []
        for seed in range(self.config.compare.seeds):
            kept = {name: without(found[seed], left_out) for name, found in reports.items()}
            by_seed.append(pool(kept) if len(rounds) > 1 else kept[rounds[0].name])
        return fitted, tuned, left_out, by_seed

    def _fit_all(
        self,
        one: Round,
        about: Mapping[str, str],
        left_out: dict[str, str],
        known: Mapping[str, Tuned] | None,
    ) -> Fitted:
        """Fit what can be fitted, with the options that are ``known`` or after tuning."""
        fitted = Fitted()
        trials = Trials(self.config, one, about, self.on_progress)
        for name in self.config.compare.models:
            if name in left_out:
                continue
            with self._stage(one.called(name)) as say:
                try:
                    found = trials.tuned(name, fitted.tuned) if known is None else known[name]
                    fit = fitting(CONTENDERS[name], one.material, found.options)
                    fitted.models[name], fitted.costs[name] = measured(fit)
                except CannotFitError as error:
                    left_out[name] = f"{one.name}: {error}" if one.name else str(error)
                    say(f"left out: {error}")
                    continue
                fitted.tuned[name] = found
                tried = f"{found.trials} trials, {found.pruned} given up early. "
                say(f"{tried if known is None else ''}{_said(found.options)}")
        return fitted

    def _judge(self, one: Round, fitted: Fitted, *, quiet: bool) -> list[Report]:
        """A report for each seed; ``quiet`` if leaks were warned of in an earlier round."""
        compare = self.config.compare
        judge = partial(
            evaluate,
            split=one.split,
            ks=compare.ks,
            items=one.items,
            categories=compare.categories,
            users=one.material.users,
        )
        with self._stage(one.called("evaluation")) as say, contextlib.ExitStack() as stack:
            if quiet:
                stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore", LeakWarning)
            reports = replicates(
                fitted.models, fitted.tuned, CONTENDERS, one.material, compare.seeds, judge
            )
            users = len(reports[0].users)
            say(f"{users:,} users, the whole catalogue of {len(one.items):,} items")
        return reports

    def _about(self, data: Dataset, mark: str) -> dict[str, Any]:
        return {
            "config": self.config.to_dict(),
            "data": {"name": data.name, "source": data.source, "fingerprint": mark},
            "libraries": libraries(),
        }

    def _stage(self, name: str) -> AbstractContextManager[Callable[[str], None]]:
        return timed(name, self.stages, self.on_stage)


def _called(one: Round, tuned: Mapping[str, Tuned]) -> dict[str, Tuned]:
    return {one.called(name): found for name, found in tuned.items()}


def _said(options: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} = {value:.4g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in options.items()
    )
