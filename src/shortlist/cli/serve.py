"""`shortlist serve BUNDLE`: answers over HTTP, without a training framework in the process."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from shortlist.cli.options import Bundle, Debug
from shortlist.cli.output import stderr
from shortlist.cli.process import TerminatedError
from shortlist.errors import ConfigError, MissingDependencyError

__all__ = ["need_server", "serve"]

_KEYS = ("SHORTLIST_API_KEY", "SHORTLIST_ADMIN_KEY")


def serve(
    bundle: Bundle,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")
    ] = 8000,
    state: Annotated[
        str | None,
        typer.Option("--state", help="An SQLite file or postgresql://...; else beside the bundle."),
    ] = None,
    watch: Annotated[
        float, typer.Option("--watch", help="Seconds between looks for a new version; 0: never.")
    ] = 0.0,
    deadline: Annotated[
        float, typer.Option("--deadline", help="Seconds after which a request is given up.")
    ] = 1.0,
    max_batch: Annotated[
        int, typer.Option("--max-batch", help="Queries answered together at most.")
    ] = 32,
    max_queue: Annotated[
        int, typer.Option("--max-queue", help="Queries that may wait; more are refused.")
    ] = 512,
    log_requests: Annotated[
        float, typer.Option("--log-requests", help="The share of answers that are logged.")
    ] = 1.0,
    keep_requests: Annotated[
        float, typer.Option("--keep-requests", help="Days for which that log is kept.")
    ] = 30.0,
    drain: Annotated[
        float, typer.Option("--drain", help="Seconds that running requests get at the end.")
    ] = 10.0,
    debug: Debug = False,
) -> None:
    """Serve a bundle; keys come from SHORTLIST_API_KEY and SHORTLIST_ADMIN_KEY."""
    need_server()
    from shortlist.serving.run import serve as run
    from shortlist.serving.settings import Settings

    _log(debug=debug)
    api_key, admin_key = (_key(name) for name in _KEYS)
    settings = Settings(
        bundle=bundle,
        host=host,
        port=port,
        state=state,
        api_key=api_key,
        admin_key=admin_key,
        watch=watch,
        deadline=deadline,
        max_batch=max_batch,
        max_queue=max_queue,
        log_requests=log_requests,
        keep_requests=keep_requests,
        drain=drain,
    )
    try:
        run(settings, on_listening=lambda url: _say(f"Listening on {url}"))
    except (TerminatedError, KeyboardInterrupt):
        # It was asked to end and has finished what it had to do, which is no failure.
        _say("Ended.")


def need_server() -> None:
    """Name what is missing of the extra, before anything is done.

    Raises:
        MissingDependencyError: a library of the server is not installed.
    """
    import importlib.util

    for name in ("fastapi", "uvicorn", "sqlalchemy", "prometheus_client"):
        if importlib.util.find_spec(name) is None:
            raise MissingDependencyError.of(name, "serve", "The server")


def _key(name: str) -> str | None:
    """A key, from the environment or from the file that NAME_FILE names."""
    file = os.environ.get(f"{name}_FILE")
    if file is None:
        return os.environ.get(name)
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"{name}_FILE expected a file with a key; {file} cannot be read: {error.strerror}."
        ) from error


def _log(*, debug: bool) -> None:
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for name in ("uvicorn.error", "uvicorn"):
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.WARNING)
    # The error itself, with its traceback, is logged by uvicorn.
    logging.getLogger("asyncio").setLevel(logging.ERROR)


def _say(text: str) -> None:
    stderr().print(text)
