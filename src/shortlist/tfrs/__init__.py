"""The names of TensorFlow Recommenders 0.7, on Keras 3.

    import shortlist.tfrs as tfrs

lets programs written for it run: same import paths, arguments, defaults and names in the logs.
After `install_alias`, ``import tensorflow_recommenders`` means this too. The working code lives in
the packages these names come from; where a default differs there, that of TensorFlow Recommenders
holds here.
"""

from __future__ import annotations

from shortlist import _backend  # noqa: F401  # isort: skip
from shortlist.tfrs import examples, experimental, layers, metrics, models, tasks, types
from shortlist.tfrs.alias import install_alias
from shortlist.tfrs.models import Model

__all__ = [
    "Model",
    "__version__",
    "examples",
    "experimental",
    "install_alias",
    "layers",
    "metrics",
    "models",
    "tasks",
    "types",
]

#: The release of TensorFlow Recommenders whose names these are.
__version__ = "v0.7.7"
