"""What `fit` is given and told: data sets, seeds and callbacks."""

from __future__ import annotations

from shortlist import _backend as _backend  # isort: skip
from shortlist.training.dataset import BatchDataset
from shortlist.training.seed import set_seed

__all__ = ["BatchDataset", "set_seed"]
