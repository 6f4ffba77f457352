from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings

import pytest

from shortlist.cli.process import TerminatedError, prepare_backend, tidy_process


class OurWarning(UserWarning):
    __module__ = "shortlist.data"


def test_our_warnings_are_a_line_and_those_of_others_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with tidy_process(debug=False):
        warnings.warn("The split leaks.", OurWarning, stacklevel=1)
        warnings.warn("deep inside of a library", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr().err == "Warning: The split leaks.\n"


def test_with_debug_every_warning_is_shown_as_python_shows_it() -> None:
    with (
        pytest.warns(DeprecationWarning, match="deep inside"),
        tidy_process(debug=True),
    ):
        warnings.warn("deep inside of a library", DeprecationWarning, stacklevel=1)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to catch")
def test_sigterm_unwinds_the_stack_and_the_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    unwound = []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            unwound.append(True)

    with tidy_process(debug=False), pytest.raises(TerminatedError):
        work()
    assert unwound
    assert signal.getsignal(signal.SIGTERM) == before


def test_native_chatter_is_dropped_and_python_is_heard() -> None:
    code = (
        "import os, sys\n"
        "from shortlist.cli.process import prepare_backend\n"
        "prepare_backend(debug={debug})\n"
        "os.write(2, b'chatter\\n')\n"
        "print('a line of ours', file=sys.stderr)\n"
    )
    for debug, expected in ((False, "a line of ours\n"), (True, "chatter\na line of ours\n")):
        child = subprocess.run(
            [sys.executable, "-c", code.format(debug=debug)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert child.stderr == expected


def test_preparing_a_backend_imports_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    before = set(sys.modules)
    prepare_backend(debug=True)
    assert not {"jax", "tensorflow", "torch"} & (set(sys.modules) - before)
