"""`Checkpoint`: save a run as it goes, and go on with it exactly."""

from __future__ import annotations

import math
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from shortlist._backend import processes
from shortlist._version import __version__
from shortlist.bundle import Draft, Folder, read_folder, write_folder
from shortlist.errors import BundleError, ConfigError
from shortlist.training.dataset import BatchDataset
from shortlist.training.state import (
    arrays_of,
    by_key,
    random_state,
    restore_random_state,
    restore_variables,
    variables_of,
)

__all__ = ["Checkpoint", "Stateful"]

_KIND = "checkpoint"
_FACTS = ("epoch", "batch", "step", "begun", "random")


class Stateful(Protocol):
    """A callback whose state belongs to the run, such as `Validation`."""

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What it remembers: JSON and arrays."""

    def restore(self, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Go on from a state."""


class Checkpoint(keras.callbacks.Callback):
    """Saves everything a run is in the middle of, and goes on from there when it is run again.

    Run the same program again after it was killed: ``fit`` then goes on with the very batch that
    came after the last checkpoint, and ends with the weights that an unbroken run has. Saved are
    the weights, the optimizer's state and that of single rows, seeds and random generators, the
    metrics of the running epoch and the place in the data. Each checkpoint is written beside the
    others and put in place in one move, so a killed process leaves none half-written.

    What is saved is the same for any number of devices and processes, so a run goes on with others
    than it began with, also where tables are split otherwise. Of several processes the first one
    writes, and all read, so the folder must be on storage that they share; see `many_processes`.

    To be exact in the middle of an epoch, the order of the batches must depend on the epoch alone,
    as that of `BatchDataset` does; pass it as ``data``.

    Args:
        folder: where the checkpoints of this run are; a run goes on from the newest it finds. To
            start anew, choose an empty one.
        every: also save after each this many steps; None to save after each epoch only.
        data: the data set given to ``fit``.
        also: callbacks with a state of their own, such as `Validation`. List them before this one
            in ``callbacks``.
        keep: how many checkpoints to keep, the newest.

    Raises:
        ConfigError: a number is below 1, or a model that is no `shortlist.models.Model` is not
            built yet, or is to go on in the middle of an epoch.
        BundleError: the checkpoints are of another model or version, none of them can be read, or
            not all processes find the same.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        every: int | None = None,
        data: BatchDataset | None = None,
        also: Sequence[Stateful] = (),
        keep: int = 2,
    ) -> None:
        super().__init__()
        for name, value in (("every", 1 if every is None else every), ("keep", keep)):
            if value < 1:
                raise ConfigError(f"{name} expected 1 or more; received {value!r}.")
        self.folder = Path(folder)
        self.every = every
        self.data = data
        self.also = tuple(also)
        self.keep = keep

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Go to where the newest checkpoint was made, if there is one."""
        del logs
        self._epoch = self._batch = self._step = self._saved = 0
        self._begun: dict[str, Any] = {}
        self._resumed: Folder | None = self._newest()
        self._check_processes()
        if self._resumed is None:
            return
        model, folder = self.model, self._resumed
        facts = self._facts(folder)
        self._epoch, self._batch, self._step = facts["epoch"], facts["batch"], facts["step"]
        self._saved = self._step
        if self._batch and not hasattr(model, "skip_steps"):
            raise ConfigError(
                f"{folder.path} was saved in the middle of an epoch; going on there needs a "
                f"shortlist.models.Model; received {type(model).__name__}. Save after epochs only, "
                "with every=None."
            )
        if not model.built:
            raise ConfigError(
                f"{type(model).__name__} must be built before it goes on from {folder.path}: call "
                "it on a batch first, or make it a shortlist.models.Model, which builds itself."
            )
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        restore_variables(variables_of(model), folder.read_arrays("variables.safetensors"))
        for place, callback in enumerate(self.also):
            part = folder.folder(f"callback-{place}")
            callback.restore(part.read_json("state.json"), part.read_arrays("arrays.safetensors"))
        restore_random_state(facts["random"])
        # Where Keras looks for the epoch to begin with, as its own BackupAndRestore tells it.
        over = any(getattr(callback, "finished", False) for callback in self.also)
        model._initial_epoch = self.params["epochs"] if over else self._epoch

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the model so that another ``fit`` begins at its own first epoch."""
        del logs
        self.model._initial_epoch = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Go to the place in the epoch, and give the metrics the values they had there."""
        del logs
        skip = self._batch if self._resumed is not None and epoch == self._epoch else 0
        self._epoch = epoch
        if self.data is not None:
            self.data.start_epoch(epoch, skip)
        if skip and self._resumed is not None:
            folder = self._resumed
            # What Keras drew at the beginning of this epoch decides on the order of its batches.
            restore_random_state(folder.read_json("run.json")["begun"])
            groups = {"metrics": list(self.model.metrics_variables)}
            arrays = folder.read_arrays("variables.safetensors")
            restore_variables(groups, {key: arrays[key] for key in by_key(groups)})
            self.model.skip_steps(skip)
        else:
            self._batch, self._resumed = 0, None
        self._begun = random_state()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save when it is time to."""
        # With several steps an execution the last one of an epoch may hold fewer.
        done = min(batch + 1, self.params.get("steps") or batch + 1)
        if self._resumed is not None:
            if done >= self._batch:
                restore_random_state(self._resumed.read_json("run.json")["random"])
                self._resumed = None
            return
        self._step, self._batch = self._step + done - self._batch, done
        if self.every is not None and self._step - self._saved >= self.every:
            loss = float((logs or {}).get("loss", 0.0))
            if math.isfinite(loss):
                self._save(self._epoch, done)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save the run at the beginning of the next epoch."""
        if math.isfinite(float((logs or {}).get("loss", 0.0))):
            self._save(epoch + 1, 0)

    def _save(self, epoch: int, batch: int) -> None:
        facts = {
            "epoch": epoch,
            "batch": batch,
            "step": self._step,
            "begun": self._begun,
            "random": random_state(),
            "data": None if self.data is None else self.data.batches.settings,
        }
        arrays = arrays_of(variables_of(self.model))
        self._saved = self._step
        if processes.index():
            return

        def write(draft: Draft) -> None:
            draft.write_json("run.json", facts)
            draft.write_arrays("variables.safetensors", arrays)
            for place, callback in enumerate(self.also):
                part = draft.folder(f"callback-{place}")
                state, values = callback.state()
                part.write_json("state.json", state)
                part.write_arrays("arrays.safetensors", values)

        # An epoch's end and its last step have the same number; the later one replaces the other.
        write_folder(self.folder / f"step-{self._step:010d}", write, kind=_KIND)
        for old in self._paths()[: -self.keep]:
            shutil.rmtree(old, ignore_errors=True)

    def _check_processes(self) -> None:
        steps = processes.gathered(-1 if self._resumed is None else _step_of(self._resumed.path))
        if len(set(steps)) > 1:
            found = ", ".join(f"process {i} {'none' if s < 0 else s}" for i, s in enumerate(steps))
            raise BundleError(
                f"The processes expected the same newest checkpoint in {self.folder}; they found, "
                f"by its step: {found}. Put the folder on storage that all of them share."
            )

    def _facts(self, folder: Folder) -> dict[str, Any]:
        """What a checkpoint says of its run, if this version reads it and the data are the same."""
        facts: dict[str, Any] = folder.read_json("run.json")
        missing = [name for name in _FACTS if name not in facts]
        if missing:
            raise BundleError(
                f"{folder.path} was written by shortlist {folder.manifest.written_by}, and this is "
                f"{__version__}: expected {missing[0]!r} in its run.json; found {sorted(facts)}. "
                "Go on with the version that wrote it, or choose an empty folder to start anew."
            )
        before = facts.get("data")
        if facts["batch"] and self.data is not None and before is not None:
            now = self.data.batches.settings
            wrong = [name for name in now if before.get(name) != now[name]]
            if wrong:
                raise ConfigError(
                    f"{folder.path} was saved in the middle of an epoch of batches with "
                    f"{wrong[0]} {before.get(wrong[0])!r}; now it is {now[wrong[0]]!r}. Give it "
                    "the same data to go on there."
                )
        return facts

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))

    def _newest(self) -> Folder | None:
        errors: list[BundleError] = []
        for path in reversed(self._paths()):
            try:
                return read_folder(path, kind=_KIND)
            except BundleError as error:
                warnings.warn(f"Skipping a checkpoint that cannot be read: {error}", stacklevel=2)
                errors.append(error)
        if errors:
            raise errors[0]
        return None


def _step_of(path: Path) -> int:
    return int(path.name.removeprefix("step-"))
