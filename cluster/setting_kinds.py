"""The kinds of values settings have: how each is read from text, checked, and described."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """One kind of value.

    Attributes
    ----------
    read
        From the text of a flag or variable; raises ValueError.
    check
        Return a value of the right type and range; raises ValueError or TypeError.
    allowed
        What is allowed, for people.
    """

    read: Callable[[str], object]
    check: Callable[[object], object]
    allowed: Callable[[], str]


def whole(least: int, most: int) -> Kind:
    """A whole number between two bounds, both included."""

    def check(value: object) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError
        return value

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,12}", text):  # int() would take "1_0", " 7" and other scripts' digits
            raise ValueError
        return int(text)

    return Kind(read, check, lambda: f"a whole number from {least} to {most}")


def port() -> Kind:
    """A TCP port."""
    return whole(1, 65535)


def seconds(least: float, most: float) -> Kind:
    """A number of seconds."""

    def check(value: object) -> float:
        if type(value) not in {int, float} or not least <= value <= most:  # type: ignore[operator]  # NaN fails too
            raise ValueError
        return float(value)  # type: ignore[arg-type]

    def read(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError
        return value

    return Kind(read, check, lambda: f"a number of seconds from {least:g} to {most:g}")


def label() -> Kind:
    """A name that may stand in a file name, a URL and a metric label."""

    def check(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value):
            raise ValueError
        return value

    return Kind(str, check, lambda: "1 to 64 letters, digits, '_', '.' and '-', the first a letter or digit")


def weights() -> Kind:
    """Names with positive weights: ``blue=2,green=1``, or a table; empty for none."""
    named = label()

    def check(value: object) -> tuple[tuple[str, float], ...]:
        pairs = read(value) if isinstance(value, str) else value
        entries = pairs.items() if isinstance(pairs, Mapping) else pairs
        checked = {}
        for name, weight in entries:  # type: ignore[attr-defined]  # what is no pair raises
            if type(weight) not in {int, float} or not 0 < weight < math.inf or name in checked:
                raise ValueError
            checked[named.check(name)] = float(weight)
        return tuple((str(name), weight) for name, weight in checked.items())

    def read(text: str) -> object:
        parts = [part.partition("=") for part in text.split(",") if part.strip()]
        return [(name.strip(), float(weight) if equals else 1.0) for name, equals, weight in parts]

    return Kind(read, check, lambda: "names with positive weights, such as blue=2,green=1; empty for any name")


def path() -> Kind:
    """A path; ``~`` stands for the home folder."""

    def check(value: object) -> Path:
        if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
            raise ValueError
        return Path(value).expanduser().absolute()

    return Kind(str, check, lambda: "a path")


def backend_name() -> Kind:
    """The name of an arithmetic backend."""

    def check(value: object) -> str:
        if value not in _backends():
            raise ValueError
        return str(value)

    return Kind(str, check, lambda: f"one of {', '.join(_backends())}")


def _backends() -> tuple[str, ...]:
    from kernels.selection import BACKEND_NAMES  # noqa: PLC0415 - loads the compiler, which few commands need

    return BACKEND_NAMES
