"""What `fit` is given and told: data sets, seeds, optimizers and callbacks."""

from __future__ import annotations

from shortlist import _backend as _backend  # isort: skip
from shortlist.layers.rowwise_adagrad import RowwiseAdagrad
from shortlist.training.checkpoint import Checkpoint
from shortlist.training.dataset import BatchDataset
from shortlist.training.distribution import TableParallel, many_devices
from shortlist.training.processes import many_processes
from shortlist.training.progress import Progress
from shortlist.training.seed import set_seed
from shortlist.training.stop_on_nan import StopOnNaN
from shortlist.training.validation import Validation

__all__ = [
    "BatchDataset",
    "Checkpoint",
    "Progress",
    "RowwiseAdagrad",
    "StopOnNaN",
    "TableParallel",
    "Validation",
    "many_devices",
    "many_processes",
    "set_seed",
]
