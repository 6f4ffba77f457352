"""The process around a command: signals, warnings and the chatter of the backends."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import io
import logging
import os
import signal
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import typer

__all__ = ["TerminatedError", "prepare_backend", "quiet_backends", "tidy_process"]

_PACKAGE = str(Path(__file__).parents[1])
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "ERROR", "KMP_WARNINGS": "0"}


class TerminatedError(BaseException):
    """SIGTERM arrived. Like Ctrl-C it unwinds the stack, so that half-written files go."""


@contextlib.contextmanager
def tidy_process(*, debug: bool) -> Iterator[None]:
    """End on SIGTERM as on Ctrl-C, and show only the warnings that are ours, a line each.

    A title that the terminal's encoding does not have is printed as well as it can be.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _terminate) if in_main_thread else None
    try:
        with warnings.catch_warnings():
            if not debug:
                warnings.simplefilter("default")
                warnings.showwarning = _show_warning
            yield
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)


def prepare_backend(*, debug: bool) -> None:
    """Choose the Keras backend, before anything is worked out, and keep it from talking.

    Raises:
        ConfigError: the backend asked for is none.
        MissingDependencyError: it, or Keras, is not installed.
    """
    quiet_backends(debug=debug)
    importlib.import_module("shortlist._backend")


def quiet_backends(*, debug: bool) -> None:
    """Keep the backends from talking, should one be loaded at all."""
    if not debug:
        _silence()


def _silence() -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    for logger in ("absl", "jax", "tensorflow"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    if sys.stderr is sys.__stderr__ and sys.stderr is not None:
        with contextlib.suppress(OSError, io.UnsupportedOperation):
            sys.stderr = _private_stderr(sys.stderr)


def _private_stderr(stderr: TextIO) -> TextIO:
    """Keep stderr for Python, and give what native code writes to it to nobody.

    TensorFlow and XLA log to file descriptor 2 from C++ before any of their settings count.
    """
    kept = os.fdopen(os.dup(stderr.fileno()), "w", 1, stderr.encoding, "backslashreplace")
    # Should native code crash, the interpreter still says so, and where.
    faulthandler.enable(file=kept)
    nobody = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nobody, stderr.fileno())
    os.close(nobody)
    return kept


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del lineno, file, line  # the place says nothing to whoever uses the command line
    if category.__module__.partition(".")[0] == "shortlist" or filename.startswith(_PACKAGE):
        typer.secho("Warning: ", fg=typer.colors.YELLOW, bold=True, nl=False, err=True)
        typer.echo(str(message), err=True)


def _terminate(number: int, frame: types.FrameType | None) -> Any:
    del number, frame
    raise TerminatedError
