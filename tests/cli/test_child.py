"""The command line as a process of its own, from data to bundle, and stopped half-way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.backend, pytest.mark.slow]

JOB = """
seed = 3
[data]
dataset = "synthetic"
[split]
method = "user-time"
[retrieval]
embedding_dim = 8
epochs = 2
[ranking]
enabled = {ranking}
epochs = 1
[output]
bundle = "bundles"
"""


def start(folder: Path, *words: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "shortlist.cli", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A folder with a job that is soon done: data, split, retrieval, evaluation and bundle."""
    (tmp_path / "job.toml").write_text(JOB.format(ranking="false"), encoding="utf-8")
    return tmp_path


def test_a_bundle_is_trained_evaluated_and_answers(job: Path) -> None:
    (job / "job.toml").write_text(JOB.format(ranking="true"), encoding="utf-8")
    child = start(job, "train", "job.toml", "--json")
    out, err = child.communicate(timeout=600)
    assert child.returncode == 0, err
    found = json.loads(out)
    assert set(found["metrics"]) == {"popularity", "retrieval", "pipeline"}
    # Nothing but our lines: no chatter of a backend, no warning of a library.
    stages = [line.split()[0] for line in err.splitlines()]
    assert stages == [name for name in found["seconds"] if name != "total"]

    again = start(job, "train", "job.toml", "--json")
    out, err = again.communicate(timeout=600)
    assert again.returncode == 0, err
    assert json.loads(out)["metrics"] == found["metrics"]
    assert json.loads(out)["bundle"] != found["bundle"]

    asked = start(job, "recommend", found["bundle"], "--user", "1", "-k", "3", "--json")
    out, err = asked.communicate(timeout=600)
    assert (asked.returncode, err) == (0, "")
    assert len(json.loads(out)["answers"][0]["recommendations"]) == 3

    judged = start(job, "evaluate", found["bundle"], "--json")
    out, err = judged.communicate(timeout=600)
    assert judged.returncode == 0, err
    assert json.loads(out)["metrics"] == found["metrics"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
@pytest.mark.parametrize(
    ("number", "stages"),
    [
        pytest.param(signal.SIGINT, 2, id="Ctrl-C in training"),
        pytest.param(signal.SIGINT, 3, id="Ctrl-C in evaluation"),
        pytest.param(signal.SIGINT, 4, id="Ctrl-C in saving"),
        pytest.param(signal.SIGTERM, 2, id="SIGTERM in training"),
    ],
)
def test_stopped_half_way_it_leaves_nothing_behind(job: Path, number: int, stages: int) -> None:
    before = sorted(job.rglob("*"))
    child = start(job, "train", "job.toml")
    assert child.stderr is not None
    for _ in range(stages):
        child.stderr.readline()
    child.send_signal(number)
    _, err = child.communicate(timeout=120)
    assert child.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[signal.Signals(number)]
    assert "Traceback" not in err
    assert err.splitlines()[-1].endswith("Nothing half-written was left behind.")
    assert sorted(job.rglob("*")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="only there can a limit be set from outside")
def test_a_full_disk_is_said_and_leaves_nothing_behind(job: Path) -> None:
    import resource

    before = sorted(job.rglob("*"))
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    child = start(job, "train", "job.toml", env=environment)
    # From outside: to run code between fork and exec is not safe once JAX has started its threads.
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (2048, 2048))
    _, err = child.communicate(timeout=600)
    assert child.returncode == 7, err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("Error: ")
    assert sorted(job.rglob("*")) == before
