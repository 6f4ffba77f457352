from __future__ import annotations

import threading

import pytest


@pytest.fixture
def workers():
    """The threads a test has started to work ahead that still run; others may have left theirs."""

    def running():
        return {t for t in threading.enumerate() if t.name == "shortlist-prefetch"}

    before = running()
    return lambda: running() - before
