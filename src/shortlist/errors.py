"""What can go wrong, as one tree.

::

    ShortlistError
    ├── DataError (ValueError)           interactions or features are not what they should be
    │   └── SchemaError                  a column is missing, misnamed or of the wrong kind
    ├── ConfigError (ValueError)         an option or a configuration file is wrong
    ├── NotFittedError (RuntimeError)    something was used before it was fitted or built
    ├── TrainingError (RuntimeError)     training cannot go on
    ├── DownloadError (OSError)          a data set could not be fetched
    │   └── ChecksumError                what was fetched or stored is not what was expected
    ├── BundleError (OSError)            a saved recommender is incomplete, damaged or too new
    ├── WorkerError (RuntimeError)       a process that holds a part of the work has failed
    └── MissingDependencyError (ImportError)   an optional library is not installed

Every message says what was expected, what was received and what to do. Each class is also the
built-in error that fits, so ``except ValueError`` keeps working.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BundleError",
    "ChecksumError",
    "ConfigError",
    "DataError",
    "DownloadError",
    "MissingDependencyError",
    "NotFittedError",
    "SchemaError",
    "ShortlistError",
    "TrainingError",
    "WorkerError",
    "nearest",
]


class ShortlistError(Exception):
    """The root of every error this library raises on purpose."""


class DataError(ShortlistError, ValueError):
    """Interactions or features hold something that cannot be used."""


class SchemaError(DataError):
    """A column is missing, misnamed or of the wrong kind."""


class ConfigError(ShortlistError, ValueError):
    """An option or a configuration file is wrong."""


class NotFittedError(ShortlistError, RuntimeError):
    """Something was used before it was fitted or built."""


class TrainingError(ShortlistError, RuntimeError):
    """Training cannot go on."""


class WorkerError(ShortlistError, RuntimeError):
    """A process that holds a part of the work has failed or ended."""


class DownloadError(ShortlistError, OSError):
    """A data set could not be fetched."""


class ChecksumError(DownloadError):
    """A file does not have the checksum it should have."""


class BundleError(ShortlistError, OSError):
    """A saved recommender is incomplete, damaged or from a newer version."""


class MissingDependencyError(ShortlistError, ImportError):
    """An optional library is not installed."""

    @classmethod
    def of(cls, library: str, extra: str, purpose: str) -> MissingDependencyError:
        """Name the library, what it is for and the command that installs it."""
        return cls(
            f"{purpose} needs the library {library!r}, which is not installed. "
            f"Install it with: pip install 'shortlist[{extra}]'"
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word nearest to a misspelt one.

    >>> nearest("temprature", ["temperature", "loss"])
    " Did you mean 'temperature'?"
    >>> nearest("xyz", ["temperature"])
    ''
    """
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {found[0]!r}?" if found else ""
