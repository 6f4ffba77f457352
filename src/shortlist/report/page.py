"""A `Study` as one HTML page that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shortlist.errors import MissingDependencyError
from shortlist.report.content import content
from shortlist.report.study import Study

__all__ = ["check_installed", "html"]

_TEMPLATES = Path(__file__).parent / "templates"


def html(study: Study) -> str:
    """The whole page as text; what the data say is escaped.

    Raises:
        MissingDependencyError: ``jinja2`` is not installed.
    """
    library = check_installed()
    environment = library.Environment(
        loader=library.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=library.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return str(environment.get_template("comparison.html").render(content(study)))


def check_installed() -> Any:
    """The template library, or an error that says how to get it.

    Raises:
        MissingDependencyError: ``jinja2`` is not installed.
    """
    try:
        import jinja2  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError.of("jinja2", "report", "The HTML report") from error
    return jinja2
