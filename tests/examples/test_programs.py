"""The programs in ``examples`` run, on a few rows, where their data set is to be had."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from shortlist.datasets import movielens
from shortlist.errors import DownloadError

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = [pytest.mark.backend, pytest.mark.slow]


@pytest.mark.parametrize("program", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_it_runs_and_says_how_good_it_is(program):
    try:
        movielens("100k")
    except DownloadError as error:
        pytest.skip(f"MovieLens-100K cannot be had here: {error}")
    done = subprocess.run(
        [sys.executable, str(program), "--quick"],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"joint: top-100 (\d\.\d+), RMSE (\d\.\d+)", done.stdout)
    assert found is not None, done.stdout
    assert 0.03 < float(found[1]) < 0.5
    assert 0.8 < float(found[2]) < 1.3
