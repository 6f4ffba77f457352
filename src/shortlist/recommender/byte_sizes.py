"""Amounts of memory as people write them."""

from __future__ import annotations

import re

from shortlist.errors import ConfigError, nearest

__all__ = ["parse_bytes", "show_bytes"]

_PREFIXES = "KMGT"
_UNITS = {
    "B": 1,
    **{f"{p}B": 1_000**power for power, p in enumerate(_PREFIXES, start=1)},
    **{f"{p}iB": 1_024**power for power, p in enumerate(_PREFIXES, start=1)},
}


def parse_bytes(text: str) -> int:
    """The number of bytes in ``"16GB"`` (of 1000^3) or ``"16 GiB"`` (of 1024^3); case is ignored.

    Raises:
        ConfigError: it is no such amount, or less than a byte.

    >>> parse_bytes("16GB"), parse_bytes("1.5 GiB"), parse_bytes("512mb")
    (16000000000, 1610612736, 512000000)
    """
    expected = "Expected an amount of memory such as 16GB, 16GiB or 512MB"
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if found is None:
        raise ConfigError(f"{expected}; received {text!r}.")
    number, unit = found.groups()
    sizes = {name.upper(): size for name, size in _UNITS.items()}
    if not unit:
        raise ConfigError(f"{expected}; received {text!r}, which names no unit.")
    if unit.upper() not in sizes:
        short = unit.upper() in _PREFIXES
        guess = f" Did you mean {unit.upper() + 'B'!r}?" if short else nearest(unit, _UNITS)
        raise ConfigError(
            f"{expected}; received {text!r}, whose unit is none of {', '.join(_UNITS)}.{guess}"
        )
    amount = int(float(number) * sizes[unit.upper()])
    if amount < 1:
        raise ConfigError(f"{expected}; received {text!r}, which is none.")
    return amount


def show_bytes(amount: float) -> str:
    """``amount`` in the decimal unit that leaves one to three digits before the point.

    >>> show_bytes(1_536_000_000), show_bytes(812), show_bytes(0)
    ('1.54 GB', '812 B', '0 B')
    """
    size, unit = float(amount), "B"
    for prefix in _PREFIXES:
        # What rounds to 1000 belongs to the next unit.
        if size < 999.5:
            break
        size, unit = size / 1_000, f"{prefix}B"
    return f"{size:.0f} B" if unit == "B" else f"{size:.3g} {unit}"
