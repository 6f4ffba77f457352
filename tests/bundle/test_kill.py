"""kill -9 at random points of a write leaves the bundle before it or the one after it."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from shortlist.bundle import read_folder, write_folder

KILLS = 200

# In a process of its own, which has one thread and so may fork writers quickly.
KILLER = """
    import os, random, signal, sys, time
    from pathlib import Path
    import numpy as np
    from shortlist.bundle import read_folder, write_folder

    path, done = Path(sys.argv[1]), Path(sys.argv[2])

    def whole(draft, number):
        draft.write_json("a.json", number)
        draft.write_arrays("b.safetensors", {"n": np.full(20_000, number)})
        draft.folder("part").write_json("c.json", number)

    def write_on_and_on(number):
        with open(done, "r+b", buffering=0) as noted:
            while True:
                number += 1
                write_folder(path, lambda draft: whole(draft, number), kind="numbers")
                noted.seek(0)
                noted.write(number.to_bytes(8, "little"))

    def read():
        folder = read_folder(path, kind="numbers")
        found = {folder.read_json("a.json"), folder.folder("part").read_json("c.json")}
        found |= set(folder.read_arrays("b.safetensors")["n"].tolist())
        if len(found) != 1:
            sys.exit(f"a mixture: {found}")
        return found.pop()

    generator = random.Random(0)
    write_folder(path, lambda draft: whole(draft, 0), kind="numbers")
    number = 0
    for _ in range(int(sys.argv[3])):
        before = done.read_bytes()
        child = os.fork()
        if not child:
            write_on_and_on(number)
        while done.read_bytes() == before:
            time.sleep(0.0005)  # until it is at work; then at any moment of a write
        time.sleep(generator.random() * 0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acknowledged = int.from_bytes(done.read_bytes(), "little")
        number = read()
        if number - acknowledged not in (0, 1):
            sys.exit(f"{acknowledged} was acknowledged, {number} is there")
        print(number)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_write_that_is_killed_leaves_the_old_bundle_or_the_new(tmp_path):
    path, done = tmp_path / "b", tmp_path / "done"
    done.write_bytes(bytes(8))
    words = [sys.executable, "-c", textwrap.dedent(KILLER), path, done, str(KILLS)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    numbers = [int(line) for line in ended.stdout.split()]
    assert len(numbers) == KILLS
    assert numbers == sorted(numbers)
    write_folder(path, lambda draft: draft.write_json("last.json", 1), kind="numbers")
    assert read_folder(path, kind="numbers").names == ["last.json"]
    assert {entry.name for entry in tmp_path.iterdir()} == {"b", "done"}
    assert np.diff(numbers).min() >= 1
