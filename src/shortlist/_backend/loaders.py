"""PyTorch data loaders as inputs of ``fit`` on every backend.

Keras takes each batch of a loader for a tuple of arguments. On JAX and TensorFlow a batch that is a
dict, as a loader collates rows that are dicts, so became the tuple of its keys.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["TakesLoaders", "in_tuples"]


class TakesLoaders:
    """What a trainer's ``fit`` and ``evaluate`` do first."""

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Keras' own ``fit``; loaders, also those to validate with, may give dicts."""
        if "validation_data" in kwargs:
            kwargs["validation_data"] = in_tuples(kwargs["validation_data"])
        return super().fit(in_tuples(x), *args, **kwargs)  # type: ignore[misc]

    def evaluate(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Keras' own ``evaluate``; a loader may give dicts."""
        return super().evaluate(in_tuples(x), *args, **kwargs)  # type: ignore[misc]


def in_tuples(source: Any) -> Any:
    """A `torch.utils.data.DataLoader` whose dicts stand in tuples; anything else as it is."""
    # A loader can only be there where its library has been imported.
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(source, torch.utils.data.DataLoader):
        return source

    class Tuples(torch.utils.data.DataLoader):  # type: ignore[name-defined]
        """The loader as it is, for Keras asks for this very class."""

        def __init__(self) -> None:
            # Nothing of its own: whatever else is asked for, the loader in it answers.
            pass

        def __iter__(self) -> Iterator[Any]:
            for batch in source:
                yield (batch,) if isinstance(batch, Mapping) else batch

        def __len__(self) -> int:
            return len(source)

        def __getattr__(self, name: str) -> Any:
            return getattr(source, name)

    return Tuples()
