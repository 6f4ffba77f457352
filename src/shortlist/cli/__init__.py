"""The command line: `shortlist quickstart`, `train`, `evaluate`, `recommend` and `doctor`.

One file a command. What is asked for goes to stdout, how it is going to stderr; with ``--json``
stdout holds exactly one JSON object, also when something went wrong. Starting up imports nothing
but Typer, so that ``--help`` is quick; each command imports what it needs when it runs.
"""

from shortlist.cli.app import main

__all__ = ["main"]
