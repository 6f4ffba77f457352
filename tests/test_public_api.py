"""The public API is one list, and what the list says is what there is."""

from __future__ import annotations

import importlib
import inspect
import types
from pathlib import Path

import pytest

import shortlist

pytestmark = pytest.mark.backend

SOURCE = Path(shortlist.__file__).parent
# Not for use as a library: the command line has its own page, docs/cli.md.
NOT_LISTED = {"cli"}


def packages() -> list[str]:
    """The public modules and packages below `shortlist`, as they lie on disk."""
    names = [p.stem for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()]
    return sorted(name for name in names if not name.startswith("_") and name not in NOT_LISTED)


def test_the_list_names_what_is_exported_and_nothing_else() -> None:
    for name in shortlist.__all__:
        assert getattr(shortlist, name) is not None
    exported = {
        name
        for name, value in vars(shortlist).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        # `from __future__ import annotations` leaves its name behind.
        and name not in {"annotations", "Any"}
    }
    listed = {name for name in shortlist.__all__ if not name.startswith("_")}
    assert exported == {
        n for n in listed if not isinstance(getattr(shortlist, n), types.ModuleType)
    }
    assert dir(shortlist) == sorted(shortlist.__all__)
    assert len(set(shortlist.__all__)) == len(shortlist.__all__)


def test_every_public_package_is_listed() -> None:
    listed = {n for n in shortlist.__all__ if isinstance(getattr(shortlist, n), types.ModuleType)}
    assert sorted(listed) == [n for n in packages() if n in listed or (SOURCE / n).is_dir()]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Recomender'"):
        _ = shortlist.Recomender


@pytest.mark.parametrize("package", packages())
def test_every_export_of_a_public_module_resolves_and_is_described(package: str) -> None:
    module = importlib.import_module(f"shortlist.{package}")
    assert module.__doc__
    names = list(module.__all__)
    assert names, f"shortlist.{package} exports nothing"
    assert len(set(names)) == len(names)
    for name in names:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value):
            assert inspect.getdoc(value), f"shortlist.{package}.{name} has no docstring"
