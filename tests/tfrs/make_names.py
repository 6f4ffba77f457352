"""Record the public names of tensorflow-recommenders 0.7.7 in names.json, with their arguments.

Run it where `make_golden.py` is run: ``TF_USE_LEGACY_KERAS=1 python tests/tfrs/make_names.py``.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from pathlib import Path

import tensorflow_recommenders as tfrs

ROOT = "tensorflow_recommenders"


def arguments(function):
    """Name and default of each argument but ``self``; ``**kwargs`` as it is written."""
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            found.append([str(parameter).split(":")[0], None])
            continue
        default = None if parameter.default is parameter.empty else repr(parameter.default)
        found.append([parameter.name, default])
    return found


def members(kind):
    """The constructor and what the class itself defines."""
    found = {"__init__": arguments(kind.__init__)} if "__init__" in vars(kind) else {}
    for name, value in vars(kind).items():
        if name.startswith("_") and name != "__call__":
            continue
        plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        plain = getattr(plain, "python_function", plain)  # of a tf.function
        found[name] = arguments(plain) if inspect.isfunction(plain) else "property"
    return found


def main():
    found = [module.name for module in pkgutil.walk_packages(tfrs.__path__, f"{ROOT}.")]
    left_out = ("_test", ".nbtool", ".public")
    modules = [ROOT, *(name for name in found if not name.endswith(left_out))]
    record = {}
    for path in modules:
        names = record[path.removeprefix(ROOT).removeprefix(".")] = {}
        module = importlib.import_module(path)
        for name, value in vars(module).items():
            home = getattr(value, "__module__", "")
            # What a package imports is for its users; what a module imports is for itself.
            public = home.startswith(ROOT) if hasattr(module, "__path__") else home == path
            if name.startswith("_") or not public:
                continue
            if inspect.isclass(value):
                names[name] = members(value)
            elif inspect.isfunction(value):
                names[name] = arguments(value)
    text = json.dumps({"version": tfrs.__version__, "modules": record}, indent=1)
    Path(__file__).with_name("names.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
