"""A whole training job, from a configuration to a saved recommender with its report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shortlist.baselines import Popularity
from shortlist.data import Split
from shortlist.datasets import Dataset
from shortlist.evaluation import Report, evaluate
from shortlist.postranking import Pipeline
from shortlist.recommender import source, splitting
from shortlist.recommender.config import Config
from shortlist.recommender.encoders import catalogue
from shortlist.recommender.fit import fit_retriever
from shortlist.recommender.pipeline import Recommender
from shortlist.recommender.provenance import fingerprint, libraries
from shortlist.recommender.reranking import check_ranking, fit_reranker
from shortlist.recommender.storage import next_version
from shortlist.recommender.timing import Stage, timed
from shortlist.recommender.users import UserStore
from shortlist.recommender.warm import WarmStart

__all__ = ["Job", "Stage", "Trained"]


@dataclass(frozen=True)
class Trained:
    """What a job leaves: a recommender, where it lies, and how good it is.

    Attributes:
        recommender: ready to answer. Its model learned from the training part alone; it knows the
            histories of the whole data, so that nobody is recommended what they have met.
        report: the metrics of popularity, retrieval and the whole pipeline on the test part.
        bundle: the folder it was saved to.
        stages: what each stage took.
        facts: counts of the data.
    """

    recommender: Recommender
    report: Report
    bundle: Path
    stages: tuple[Stage, ...]
    facts: dict[str, Any]


@dataclass
class Job:
    """Runs a configuration stage by stage.

    Args:
        config: what to do.
        on_stage: called with each finished `Stage`.
        on_progress: called as ``on_progress(stage, done, total)`` while a stage runs.
        warm_start: a bundle whose retrieval model to go on from, with the vocabularies grown by
            what is new in the data. The ranker, which learns from lists, is trained anew.
    """

    config: Config
    on_stage: Callable[[Stage], None] | None = None
    on_progress: Callable[[str, int, int], None] | None = None
    warm_start: Path | None = None
    stages: list[Stage] = field(default_factory=list)

    def run(self) -> Trained:
        """Load, split, train retrieval and ranking, evaluate and save.

        Raises:
            ShortlistError: what is wrong with the configuration or its data.
        """
        # Made first, so that a misspelt option is said at once and not after the training.
        postranker = Pipeline.from_steps(self.config.postranking.steps)
        start = None if self.warm_start is None else WarmStart.of(self.warm_start, self.config)
        with self._stage("data") as say:
            data = source.load(self.config.data)
            facts = data.interactions.facts()
            say(
                f"{facts['rows']:,} interactions of {facts['users']:,} users with "
                f"{facts['items']:,} items, from {data.source}"
            )
        with self._stage("split") as say:
            split = splitting.split(data, self.config.split)
            say(f"{len(split.train):,} to train, {len(split.test):,} to test: {split.description}")
        check_ranking(self.config, split.train)
        recommender = self._train(split, data, postranker, start)
        with self._stage("evaluation") as say:
            report = self._evaluate(recommender, split, data)
            say(f"{len(report.users):,} users, the whole catalogue of {recommender.size:,} items")
        with self._stage("bundle") as say:
            recommender = recommender.knowing(UserStore.of(data.interactions, data.users))
            bundle = next_version(Path(self.config.output.bundle))
            about = self._about(data, split, report)
            if start is not None:
                about["warm_start"] = start.facts()
            recommender.save(bundle, about=about)
            say(str(bundle))
        return Trained(recommender, report, bundle, tuple(self.stages), facts)

    def _train(
        self, split: Split, data: Dataset, postranker: Pipeline, start: WarmStart | None
    ) -> Recommender:
        config, train = self.config, split.train
        items = catalogue(train, data.items)
        with self._stage("retrieval") as say:
            retriever = fit_retriever(
                train,
                data.users,
                items,
                features=config.features,
                retrieval=config.retrieval,
                seed=config.seed,
                start=None if start is None else start.retriever,
                on_progress=self._progress("retrieval"),
            )
            towers, index = config.retrieval.embedding_dim, config.retrieval.index
            say(f"two towers of {towers} dimensions, {index} index")
            if start is not None:
                say(f"(from {start.bundle})")
        ranker = None
        if config.ranking.enabled:
            with self._stage("ranking") as say:
                ranker = fit_reranker(
                    train,
                    data.users,
                    items,
                    retriever,
                    config=config,
                    on_progress=self._progress("ranking"),
                )
                say(f"{config.ranking.name} over {config.ranking.pool} candidates")
        return Recommender(
            retriever,
            UserStore.of(train, data.users),
            items,
            fallback=Popularity().fit(train),
            ranker=ranker,
            postranker=postranker,
            pool=config.ranking.pool,
            title=config.data.title,
        )

    def _evaluate(self, recommender: Recommender, split: Split, data: Dataset) -> Report:
        return evaluate(
            {"retrieval": recommender.retriever, "pipeline": recommender},
            split,
            self.config.evaluation.ks,
            items=recommender.items,
            users=data.users,
        )

    def _about(self, data: Dataset, split: Split, report: Report) -> dict[str, Any]:
        return {
            "config": self.config.to_dict(),
            "seed": self.config.seed,
            "data": {
                "name": data.name,
                "source": data.source,
                "fingerprint": fingerprint(data.interactions.frame),
            },
            "split": {"name": split.name, "description": split.description},
            "metrics": report.to_dict()["metrics"],
            "libraries": libraries(),
        }

    def _progress(self, stage: str) -> Callable[[int, int], None] | None:
        report = self.on_progress
        return None if report is None else lambda done, total: report(stage, done, total)

    def _stage(self, name: str) -> AbstractContextManager[Callable[[str], None]]:
        return timed(name, self.stages, self.on_stage)
