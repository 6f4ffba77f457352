from __future__ import annotations

import errno
import json
import types

import pytest
import typer

from shortlist import errors
from shortlist.cli.failures import failure_of, report
from shortlist.cli.output import OutputClosedError
from shortlist.cli.process import TerminatedError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), 2),
        (errors.DataError("x"), 3),
        (errors.SchemaError("x"), 3),
        (errors.DownloadError("x"), 4),
        (errors.ChecksumError("x"), 4),
        (errors.BundleError("x"), 5),
        (errors.MissingDependencyError("x"), 6),
        (errors.TrainingError("x"), 8),
        (errors.NotFittedError("x"), 1),
        (errors.ShortlistError("x"), 1),
        (typer.BadParameter("x"), 2),
        (MemoryError(), 7),
        (OSError(errno.ENOSPC, "No space left on device"), 7),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), 7),
        (OSError(errno.EROFS, "Read-only file system", "/a"), 7),
        (KeyError("x"), 1),
        (FileNotFoundError(errno.ENOENT, "No such file", "/a"), 1),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (OutputClosedError(), 141),
        (TerminatedError(), 143),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert failure_of(error).code == code


def test_every_class_of_the_error_tree_keeps_its_own_message() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type):
            failure = failure_of(kind("expected this; received that."))
            assert failure[1:] == (name, "expected this; received that.")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_behind_an_error_of_ours_is_what_counts(number: int) -> None:
    error = errors.BundleError("The bundle /b could not be written: the disk is full.")
    error.__cause__ = OSError(number, "?", "/b/v")
    assert failure_of(error) == (7, "BundleError", str(error))


def test_a_full_disk_that_a_library_met_in_rust_is_what_counts() -> None:
    error = errors.BundleError("weights.safetensors could not be written.")
    error.__cause__ = ValueError(f"I/O error: No space left on device (os error {errno.ENOSPC})")
    assert failure_of(error) == (7, "BundleError", str(error))
    assert failure_of(ValueError("no such file (os error 2)")).code == 1


def test_full_memory_behind_an_error_of_ours_is_what_counts() -> None:
    error = errors.DataError("The file events.csv could not be read.")
    error.__cause__ = MemoryError()
    code, _, message = failure_of(error)
    assert code == 7
    assert message.startswith("The file events.csv could not be read. The memory is full.")


def test_a_forbidden_network_is_a_download_that_failed() -> None:
    error = errors.DownloadError("Cannot fetch x: Operation not permitted.")
    error.__cause__ = PermissionError(errno.EPERM, "Operation not permitted")
    assert failure_of(error).code == 4


@pytest.mark.parametrize(
    "text",
    [
        "RESOURCE_EXHAUSTED: Out of memory allocating 8589934592 bytes.",
        "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory: you tried",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
    ],
)
def test_each_backend_says_in_its_own_words_that_memory_is_full(text: str) -> None:
    failure = failure_of(RuntimeError(text))
    assert failure.code == 7
    assert "memory is full" in failure.message


def test_an_error_of_the_system_names_the_file() -> None:
    error = PermissionError(errno.EACCES, "?", "/b/v")
    assert failure_of(error).message.startswith("Permission denied: /b/v. Choose another folder")


def test_errors_in_a_circle_come_to_an_end() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert failure_of(first).code == 1


def test_an_unforeseen_error_names_its_kind_and_the_way_to_its_place() -> None:
    assert failure_of(ValueError("axis 3 is wrong.")).message == (
        "ValueError: axis 3 is wrong. Nobody foresaw this; --debug shows where it is."
    )
    assert failure_of(ValueError()).message.startswith("ValueError. ")


def here() -> types.TracebackType | None:
    try:
        raise ValueError
    except ValueError as error:
        return error.__traceback__


def test_no_traceback_without_debug(capsys: pytest.CaptureFixture[str]) -> None:
    for debug in (False, True):
        error = errors.DataError("The file is empty.").with_traceback(here())
        assert report(error, as_json=False, debug=debug) == 3
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.endswith("Error: The file is empty.\n")
        assert ("Traceback" in printed.err) == debug


def test_with_json_the_error_is_an_object_on_stdout_and_a_line_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report(errors.BundleError("Damaged."), as_json=True, debug=False) == 5
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "error": {"kind": "BundleError", "message": "Damaged.", "exit_code": 5}
    }
    assert printed.err == "Error: Damaged.\n"


def test_a_closed_stdout_is_passed_over_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(OutputClosedError(), as_json=True, debug=True) == 141
    assert report(SystemExit(1), as_json=True, debug=True) == 141
    assert capsys.readouterr() == ("", "")
