"""`install_alias`: programs written for TensorFlow Recommenders, unchanged."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from shortlist.errors import ConfigError

__all__ = ["install_alias"]

_THEIRS, _OURS = "tensorflow_recommenders", "shortlist.tfrs"


def install_alias() -> None:
    """Let ``import tensorflow_recommenders`` give `shortlist.tfrs`, with all its submodules.

    It holds for this process; call it before the first such import. Calling it again does nothing.

    Raises:
        ConfigError: the real TensorFlow Recommenders is imported already.

    >>> install_alias()
    >>> import tensorflow_recommenders as tfrs
    >>> from tensorflow_recommenders.tasks.retrieval import Retrieval
    >>> tfrs.tasks.Retrieval is Retrieval, tfrs.__name__
    (True, 'shortlist.tfrs')
    """
    loaded = sys.modules.get(_THEIRS)
    if loaded is not None and loaded.__name__ != _OURS:
        raise ConfigError(
            f"{_THEIRS} is imported already, from {loaded.__file__}; two libraries of one name "
            "cannot be used in one process. Call install_alias() before the first import of it."
        )
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        # First, so that an installed TensorFlow Recommenders is not found before.
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds our module for each of their names."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of one of their modules, if we have it."""
        del path, target
        if name != _THEIRS and not name.startswith(f"{_THEIRS}."):
            return None
        if importlib.util.find_spec(_ours(name)) is None:
            return None
        return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Our module, itself: there is one of each, whatever it is called."""
        module = importlib.import_module(_ours(spec.name))
        self._kept = module.__spec__, module.__loader__, module.__package__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: the module has been run. The import system put its own marks on it."""
        module.__spec__, module.__loader__, module.__package__ = self._kept


def _ours(name: str) -> str:
    return _OURS + name.removeprefix(_THEIRS)
