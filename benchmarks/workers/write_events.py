"""Writes events into a state until it is killed, and says which are stored.

python write_events.py STATE NAME
"""

from __future__ import annotations

import itertools
import sys

from shortlist.serving.state import Event, StateStore

if __name__ == "__main__":
    store, name = StateStore.open(sys.argv[1]), sys.argv[2]
    for n in itertools.count():
        keys = [f"{name}-{n}-{place}" for place in range(1 + n % 7)]
        store.write([Event(key, 1, 10, "click", 1.0) for key in keys])
        print(*keys, flush=True)
