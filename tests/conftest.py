"""What holds for every test."""

from __future__ import annotations

# Before a test imports Keras, which would choose another backend than the library does.
from shortlist import _backend  # noqa: F401  # isort: skip

import signal

from hypothesis import settings

# How long an example takes depends on what else the machine does, so no example is too slow; and
# the same examples are drawn every time, so that a failure does not come and go.
settings.register_profile("shortlist", deadline=None, derandomize=True)
settings.load_profile("shortlist")

# A shell starts its background jobs with Ctrl-C ignored, and Python leaves it so.
signal.signal(signal.SIGINT, signal.default_int_handler)
