from __future__ import annotations

import os
import textwrap

import pytest
from benchmarks.processes import Side, WorkerError, interleave


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Makes a worker script in a folder of its own that finds the workers' shared module."""
    from benchmarks import processes

    monkeypatch.setenv("PYTHONPATH", str(processes._WORKERS))

    def write(body: str) -> str:
        path = tmp_path / f"worker_{len(list(tmp_path.iterdir()))}.py"
        path.write_text("from bench import serve\n" + textwrap.dedent(body) + "\nserve(make)\n")
        return str(path)

    return write


def core():
    return sorted(os.sched_getaffinity(0))[:1]


def test_sides_take_turns_and_are_measured_after_warming_up(script, tmp_path):
    log = tmp_path / "log"
    worker = script(
        """
        def make(log, name):
            runs = []
            def run():
                runs.append(name)
                with open(log, "a") as file:
                    file.write(name)
                return {"runs": len(runs)}
            return run
        """
    )
    sides = [Side(name, worker, {"log": str(log), "name": name}) for name in "ab"]
    measured = interleave(sides, core(), rounds=2, warmups=1)
    assert log.read_text() == "ababab"
    assert measured["a"].found == {"runs": 3}
    assert measured["a"].wall >= 0
    assert measured["b"].peak > 1


def test_a_worker_is_pinned_and_told_how_many_threads(script):
    worker = script(
        """
        import os
        def make():
            return lambda: {
                "cores": sorted(os.sched_getaffinity(0)),
                "threads": os.environ["OMP_NUM_THREADS"],
                "backend": os.environ["KERAS_BACKEND"],
            }
        """
    )
    before = os.sched_getaffinity(0)
    side = Side("ours", worker, env={"KERAS_BACKEND": "numpy"})
    found = interleave([side], core(), rounds=1, warmups=0)["ours"].found
    assert found == {"cores": core(), "threads": "1", "backend": "numpy"}
    assert os.sched_getaffinity(0) == before


def test_cpu_time_counts_threads_and_ended_children_but_no_waiting(script):
    worker = script(
        """
        import subprocess, sys, threading, time
        BURN = "import time; end = time.process_time() + 0.2\\n"
        BURN += "while time.process_time() < end: pass"
        def make(kind):
            def run():
                if kind == "child":
                    subprocess.run([sys.executable, "-c", BURN], check=True)
                elif kind == "thread":
                    thread = threading.Thread(target=exec, args=(BURN, {}))
                    thread.start(); thread.join()
                else:
                    time.sleep(0.2)
            return run
        """
    )
    sides = [Side(kind, worker, {"kind": kind}) for kind in ("child", "thread", "sleep")]
    measured = interleave(sides, core(), rounds=1, warmups=0)
    assert measured["child"].cpu >= 0.19
    assert measured["thread"].cpu >= 0.19
    assert measured["sleep"].cpu < 0.1
    assert measured["sleep"].wall >= 0.19


def test_what_is_found_out_afterwards_is_off_the_clock(script):
    worker = script(
        """
        import time
        def make():
            def find():
                end = time.process_time() + 0.2
                while time.process_time() < end:
                    pass
                return {"accuracy": 0.5}
            return lambda: find
        """
    )
    measured = interleave([Side("ours", worker)], core(), rounds=1, warmups=0)["ours"]
    assert measured.found == {"accuracy": 0.5}
    assert measured.cpu < 0.1


def test_what_a_worker_prints_is_no_answer(script):
    worker = script(
        """
        import os
        def make():
            print("made")
            return lambda: os.system("echo loud") and None
        """
    )
    assert interleave([Side("ours", worker)], core(), rounds=1)["ours"].found == {}


def test_hidden_packages_cannot_be_imported(script):
    worker = script(
        """
        import importlib.util
        def make():
            def run():
                try:
                    import json.tool
                except ModuleNotFoundError:
                    return {"found": importlib.util.find_spec("json.tool") is not None}
            return run
        """
    )
    side = Side("ours", worker, env={"BENCHMARKS_HIDE": "json.tool pandas"})
    assert interleave([side], core(), rounds=1)["ours"].found == {"found": False}


@pytest.mark.parametrize(
    "body",
    [
        "def make():\n    raise ValueError('no vocabulary')",
        "def make():\n    def run():\n        raise ValueError('no vocabulary')\n    return run",
    ],
)
def test_a_failing_worker_is_named_with_its_last_words(script, body):
    with pytest.raises(WorkerError, match=r"TFRS(.|\n)*no vocabulary"):
        interleave([Side("TFRS", script(body))], core(), rounds=1)
