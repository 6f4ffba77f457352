"""A fixed budget of trials for each model, on validation alone; it goes on where it stopped.

The first trial has the model's own options, so that tuning never does worse on validation than
none. A model that learns in epochs is first tried with a quarter of them, and given up there if
it is below the median of the earlier trials at that point.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from shortlist.comparison.contenders import Contender
from shortlist.errors import MissingDependencyError, TrainingError
from shortlist.report import Tuned

__all__ = ["Tuner", "check_installed"]

_PART = 4
_STARTUP = 4


class Tuner:
    """Tunes one model after the other within a budget.

    Args:
        path: the SQLite file that keeps the trials.
        trials: of each model.
        seconds: for the trials of each model, or None; a trial that has begun is finished.
        seed: of the draws.
    """

    def __init__(self, path: Path, *, trials: int, seconds: float | None, seed: int) -> None:
        self.path = path
        self.trials = trials
        self.seconds = seconds
        self.seed = seed

    def tune(
        self,
        contender: Contender,
        name: str,
        begin: Mapping[str, Any],
        fixed: Mapping[str, Any],
        score: Callable[[Mapping[str, Any]], float],
        on_trial: Callable[[int, int], None] | None = None,
    ) -> Tuned:
        """The best options that are found.

        Args:
            contender: the model.
            name: of the study; trials of one name add up, also over several runs.
            begin: its options where nothing is said.
            fixed: what is not tuned.
            score: from options to the metric on validation, larger is better.
            on_trial: called as ``on_trial(trials done, trials in all)``.

        Raises:
            MissingDependencyError: ``optuna`` is not installed.
        """
        space = {key: where for key, where in contender.space.items() if key not in fixed}
        if not self.trials or not space:
            return Tuned(dict(fixed))
        optuna = check_installed()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Opened here, for a path may hold what means something else in a URL.
        connect = partial(sqlite3.connect, self.path, check_same_thread=False)
        storage = optuna.storages.RDBStorage(
            "sqlite:///tuning.sqlite", engine_kwargs={"creator": connect}
        )
        try:
            study = self._study(optuna, storage, name)
            first = {key: begin[key] for key, where in space.items() if where.holds(begin[key])}
            if not _finished(study):
                study.enqueue_trial(first)

            def objective(trial: Any) -> float:
                drawn = {key: where.draw(trial, key) for key, where in space.items()}
                options = {**fixed, **drawn}
                if contender.epochs:
                    epochs = options.get("epochs", begin["epochs"])
                    part = score({**options, "epochs": max(1, epochs // _PART)})
                    trial.report(part, step=0)
                    if trial.should_prune():
                        raise optuna.TrialPruned
                return score(options)

            self._run(study, objective, on_trial)
            return _found(study, fixed)
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def _study(self, optuna: Any, storage: Any, name: str) -> Any:
        study = optuna.create_study(
            study_name=name, storage=storage, direction="maximize", load_if_exists=True
        )
        # Another seed after an interruption, so that the same options are not drawn again.
        study.sampler = optuna.samplers.TPESampler(seed=self.seed + len(study.trials))
        study.pruner = optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=0)
        return study

    def _run(
        self,
        study: Any,
        objective: Callable[[Any], float],
        on_trial: Callable[[int, int], None] | None,
    ) -> None:
        for done in range(len(_finished(study)), self.trials):
            if self.seconds is not None and _seconds(study) >= self.seconds:
                return
            if on_trial is not None:
                on_trial(done, self.trials)
            study.optimize(objective, n_trials=1, catch=(TrainingError,))


def check_installed() -> Any:
    """The library that tunes, or an error that says how to get it.

    Raises:
        MissingDependencyError: ``optuna`` is not installed.
    """
    try:
        import optuna  # noqa: PLC0415
        import sqlalchemy  # noqa: F401, PLC0415
    except ImportError as error:
        wanted = error.name or "optuna"
        raise MissingDependencyError.of(
            wanted, "tune", "Tuning (`trials` above 0 in [compare])"
        ) from error
    return optuna


def _finished(study: Any) -> list[Any]:
    return [trial for trial in study.trials if trial.state.name in ("COMPLETE", "PRUNED")]


def _seconds(study: Any) -> float:
    return sum(trial.duration.total_seconds() for trial in _finished(study))


def _found(study: Any, fixed: Mapping[str, Any]) -> Tuned:
    finished = _finished(study)
    complete = [trial for trial in finished if trial.state.name == "COMPLETE"]
    pruned, seconds = len(finished) - len(complete), _seconds(study)
    if not complete:
        return Tuned(dict(fixed), pruned=pruned, seconds=seconds)
    best = study.best_trial
    return Tuned({**fixed, **best.params}, best.value, len(complete), pruned, seconds)
