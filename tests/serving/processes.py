"""`shortlist serve` as a process of its own, on a free port of this machine."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from shortlist.serving import Client, ServerError

__all__ = ["Process"]


class Process:
    """A started server; ``url`` is where it listens."""

    def __init__(self, bundle: Path, *options: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "shortlist.cli", "serve", str(bundle), "--port", "0", *options],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.said: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = ""

    def __enter__(self) -> Self:
        assert self._listening.wait(60), self.said
        found = re.search(r"Listening on (\S+)", "".join(self.said))
        # Where it does not listen it has ended; the test asks how.
        self.url = "" if found is None else found[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self) -> Self:
        """Wait until it answers."""
        with Client(self.url, retries=600, timeout=30) as client:
            assert client.ready().status == "ready"
        return self

    def answers(self) -> bool:
        """Whether anybody is at its address."""
        try:
            with Client(self.url, retries=0) as client:
                client.ready()
        except ServerError as error:
            return error.status is not None
        return True

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit code."""
        code = self._process.wait(60)
        self._reader.join()
        if self._process.stderr is not None:
            self._process.stderr.close()
        return code

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line)
            if "Listening on" in line:
                self._listening.set()
        self._listening.set()  # it has ended
