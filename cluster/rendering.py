"""What people and programs see: one result on standard output, everything else on standard error.

Colours and progress appear only where a person watches: on a terminal, and not when ``NO_COLOR`` is set.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TextIO

_STYLES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True)
class Console:
    """Where a command's words go.

    Attributes
    ----------
    as_json
        The result is one JSON object instead of text.
    out
        Takes the result.
    log
        Takes notes, progress and errors.
    """

    as_json: bool
    out: TextIO
    log: TextIO

    @classmethod
    def standard(cls, *, as_json: bool) -> Console:
        """The console of the process."""
        return cls(as_json, sys.stdout, sys.stderr)

    def result(self, document: Mapping[str, Any], text: str) -> None:
        """Print what the command found: the document as one line of JSON, or the text."""
        print(json.dumps(document, allow_nan=False) if self.as_json else text, file=self.out, flush=True)

    def note(self, text: str) -> None:
        """Say what is happening."""
        print(_styled(text, ("dim",)) if _is_colourful(self.log) else text, file=self.log, flush=True)

    def error(self, document: Mapping[str, Any]) -> None:
        """Print an error, for programs on the output as well."""
        if self.as_json:
            print(json.dumps({"error": document}), file=self.out, flush=True)
        label = _styled("error:", ("bold", "red")) if _is_colourful(self.log) else "error:"
        print(label, document["message"], file=self.log, flush=True)

    def can_show(self, text: str) -> bool:
        """Whether the output's character set has all the signs of a text."""
        try:
            text.encode(self.out.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    @property
    def is_watched(self) -> bool:
        """Whether a person sees the log, so that progress is worth showing."""
        return self.log.isatty()

    def styled(self, text: str, *styles: str) -> str:
        """Return a piece of the result in colour, where the output can show it."""
        return _styled(text, styles) if _is_colourful(self.out) else text


def _is_colourful(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _styled(text: str, styles: Sequence[str]) -> str:
    return f"\033[{';'.join(_STYLES[style] for style in styles)}m{text}\033[0m"


def table(rows: Sequence[Sequence[str]], gap: str = "   ") -> list[str]:
    r"""Align rows into columns: the first to the left, the others to the right.

    Examples
    --------
    >>> print("\n".join(table([["", "ringct"], ["proofs", "64"], ["retries", "0"]])))
              ringct
    proofs        64
    retries        0
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        others = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append(gap.join([row[0].ljust(widths[0]), *others]).rstrip())
    return lines


def fields(pairs: Mapping[str, str], indent: str = "  ") -> list[str]:
    """Align names and values, one pair a line."""
    width = max(map(len, pairs), default=0)
    return [f"{indent}{name.ljust(width)}   {value}".rstrip() for name, value in pairs.items()]


def duration(seconds: float) -> str:
    """Three significant digits and the unit that suits: ``0.42 ms``, ``35.1 ms``, ``2.30 s``, ``3 min 05 s``.

    Examples
    --------
    >>> duration(0.0351), duration(185)
    ('35.1 ms', '3 min 05 s')
    """
    if seconds < 0.9995:
        return f"{_three_digits(seconds * 1000)} ms"
    if seconds < 59.95:
        return f"{_three_digits(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def count(number: int) -> str:
    """A whole number, with thousands apart: ``12,345``."""
    return f"{number:,}"


def counted(number: int, thing: str) -> str:
    """A number of things: ``1 key``, ``2,000 keys``."""
    return f"{count(number)} {thing}" if number == 1 else f"{count(number)} {thing}s"


def rate(per_second: float) -> str:
    """Three significant digits: ``5.93``, ``148``, ``1,480``."""
    return _three_digits(per_second)


def byte_size(number: int) -> str:
    """Binary units: ``512 B``, ``3.2 GiB``."""
    size = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _three_digits(value: float) -> str:
    for limit, digits in ((9.995, 2), (99.95, 1)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"
