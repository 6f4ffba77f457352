"""What a person reads and a script receives when something goes wrong.

==== ==========================================================================
code meaning
==== ==========================================================================
0    it went well
1    an error nobody foresaw: a bug; ``--debug`` shows where. From ``plan``: it does not fit
2    the command line or the configuration file is wrong
3    the data cannot be used
4    a data set could not be fetched, or is not what it should be
5    the bundle is incomplete, damaged or too new
6    a library is missing; the message holds the command that installs it
7    the machine said no: memory or disk is full, or a file may not be touched
8    training cannot go on, such as with a loss that is no number
130  Ctrl-C
141  whoever read stdout stopped reading
143  the process was asked to end (SIGTERM)
==== ==========================================================================
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import traceback
from collections.abc import Iterator
from typing import NamedTuple

import typer

from shortlist.cli.output import OutputClosedError, finish_output, write_json
from shortlist.cli.process import TerminatedError
from shortlist.errors import (
    BundleError,
    ConfigError,
    DataError,
    DownloadError,
    MissingDependencyError,
    ShortlistError,
    TrainingError,
)

__all__ = ["Failure", "failure_of", "report"]

UNEXPECTED, USAGE, DATA, DOWNLOAD, BUNDLE, MISSING, MACHINE, TRAINING = range(1, 9)
INTERRUPTED, CLOSED, TERMINATED = 130, 141, 143

_CODES: tuple[tuple[type[ShortlistError], int], ...] = (
    (ConfigError, USAGE),
    (DataError, DATA),
    (DownloadError, DOWNLOAD),
    (BundleError, BUNDLE),
    (MissingDependencyError, MISSING),
    (TrainingError, TRAINING),
)
_ENDINGS: tuple[tuple[tuple[type[BaseException], ...], int, str, str], ...] = (
    ((OutputClosedError,), CLOSED, "OutputClosed", "stdout was closed."),
    (
        (TerminatedError,),
        TERMINATED,
        "Terminated",
        "Asked to end. Nothing half-written was left behind.",
    ),
    (
        (KeyboardInterrupt, typer.Abort),
        INTERRUPTED,
        "Interrupted",
        "Interrupted. Nothing half-written was left behind.",
    ),
)
# No space, a quota used up, a file beyond its limit; not every system knows of quotas.
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_RUST_ERROR = re.compile(r"\(os error (\d+)\)")
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
# The base of every usage error. It is Click's, which newer releases of Typer carry inside.
_UsageError = typer.BadParameter.__mro__[1]


class Failure(NamedTuple):
    """An exit code, the kind of error and its message, on one line where it was one."""

    code: int
    kind: str
    message: str


def report(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Tell what went wrong, on stderr and with ``as_json`` on stdout too; return the exit code."""
    with contextlib.suppress(OSError, OutputClosedError):  # it may be what failed
        finish_output()
    if isinstance(error, SystemExit):
        # We raise none; it is how Click and rich end a process whose stdout or stderr was closed.
        return CLOSED
    failure = failure_of(error)
    if failure.code == CLOSED:
        return CLOSED
    if debug and failure.code not in (INTERRUPTED, TERMINATED):
        traceback.print_exception(error)
    typer.secho("Error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
    typer.echo(failure.message, err=True)
    if as_json:
        code, kind, message = failure
        with contextlib.suppress(OSError, OutputClosedError):  # one error is enough
            write_json({"error": {"kind": kind, "message": message, "exit_code": code}})
    return failure.code


def failure_of(error: BaseException) -> Failure:
    """Classify ``error``.

    >>> failure_of(ConfigError("`epochs` expected a whole number; received 'ten'."))
    Failure(code=2, kind='ConfigError', message="`epochs` expected a whole number; received 'ten'.")
    >>> failure_of(ZeroDivisionError("division by zero")).code
    1
    """
    for kinds, code, name, message in _ENDINGS:
        if isinstance(error, kinds):
            return Failure(code, name, message)
    kind = type(error).__name__
    if isinstance(error, _UsageError):
        return Failure(USAGE, "UsageError", _usage(error))
    machine = _machine(error)
    if machine is not None:
        return Failure(MACHINE, kind, machine)
    if isinstance(error, ShortlistError):
        code = next((code for base, code in _CODES if isinstance(error, base)), UNEXPECTED)
        return Failure(code, kind, str(error))
    message = f"{kind}: {error}".rstrip(": .")
    return Failure(UNEXPECTED, kind, f"{message}. Nobody foresaw this; --debug shows where it is.")


def _usage(error: BaseException) -> str:
    message = str(getattr(error, "format_message", error.__str__)())
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "shortlist")
    return (
        f"{message if message.endswith('?') else message.rstrip('.') + '.'} See: {command} --help"
    )


def _machine(error: BaseException) -> str | None:
    """The message where memory, disk or permissions are to blame, also behind an error of ours."""
    ours = str(error) if isinstance(error, ShortlistError) else None
    for cause in _chain(error):
        if isinstance(cause, MemoryError) or _out_of_memory(cause):
            advice = "The memory is full. Use a smaller batch, less data or a larger machine."
            return advice if ours is None else f"{ours} {advice}"
        if _disk_full(cause):
            said = _said(cause) if isinstance(cause, OSError) else str(cause)
            return ours or f"{said}. Free some space or choose another folder."
    if isinstance(error, OSError) and ours is None and error.errno in _REFUSED:
        return f"{_said(error)}. Choose another folder or change the permissions."
    return None


def _disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    # polars and safetensors are written in Rust, whose errors have the number in their text.
    number = _RUST_ERROR.search(str(error))
    return number is not None and int(number[1]) in _FULL


def _out_of_memory(error: BaseException) -> bool:
    # XLA, TensorFlow and PyTorch each have their own error and no base in common.
    text = str(error)
    return not isinstance(error, ShortlistError) and (
        "RESOURCE_EXHAUSTED" in text or "not enough memory" in text or "out of memory" in text
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def _said(error: OSError) -> str:
    reason = os.strerror(error.errno or 0)
    return f"{reason}: {error.filename}" if error.filename else reason
