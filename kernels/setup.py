"""Builds the C library; everything else is said in pyproject.toml."""

from __future__ import annotations

import sys

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext


class BuildLibrary(build_ext):
    """A plain shared library, without Python in it."""

    def get_ext_filename(self, fullname: str) -> str:
        """Name the library without the version of Python."""
        return fullname.replace(".", "/") + (".dll" if sys.platform == "win32" else ".so")

    def get_export_symbols(self, ext: Extension) -> list[str]:
        """No entry for Python, which the linker of Windows would look for."""
        return ext.export_symbols


class PlatformWheel(bdist_wheel):
    """A wheel for one system and any Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Ask for the system alone."""
        return "py3", "none", super().get_tag()[2]


gcc_like = sys.platform != "win32"
setup(
    ext_modules=[
        Extension(
            "shortlist_kernels._scan",
            ["csrc/scan.c"],
            depends=["csrc/scan.h", "csrc/scan_x86.h", "csrc/scan_neon.h"],
            # Each kernel names the instructions it uses, so none are asked for here.
            extra_compile_args=["-O3", "-ffp-contract=off", "-fvisibility=hidden"]
            if gcc_like
            else ["/O2"],
            libraries=["m"] if gcc_like else [],
        )
    ],
    cmdclass={"build_ext": BuildLibrary, "bdist_wheel": PlatformWheel},
)
