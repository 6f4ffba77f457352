"""Seeds as replicates: the models that draw at random are trained again with other draws."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping

from shortlist.comparison.contenders import Contender, Material
from shortlist.data import LeakWarning
from shortlist.evaluation import Report
from shortlist.evaluation.run import Retriever
from shortlist.report import Tuned

__all__ = ["replicates"]


def replicates(
    models: Mapping[str, Retriever],
    tuned: Mapping[str, Tuned],
    contenders: Mapping[str, Contender],
    material: Material,
    seeds: int,
    judge: Callable[[Mapping[str, Retriever]], Report],
) -> list[Report]:
    """A report for each seed, the first of ``models`` as they are.

    Models that do not draw are not trained again. Only one seed's models are held at a time.
    """
    reports = [judge(models)]
    for number in range(1, seeds):
        config = dataclasses.replace(material.config, seed=material.config.seed + number)
        other = dataclasses.replace(material, config=config)
        again = {
            name: contenders[name].fit(other, tuned[name].options)
            if contenders[name].seeded
            else model
            for name, model in models.items()
        }
        with warnings.catch_warnings():  # said with the first
            warnings.simplefilter("ignore", LeakWarning)
            reports.append(judge(again))
    return reports
