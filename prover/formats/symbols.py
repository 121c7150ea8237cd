"""``.sym``: names of a circuit's signals, as circom writes them with ``--sym``.

A line for each signal: its label, its place in the witness or -1, its component, and its full name, ``main.a[0][1]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ELEMENT: Final = re.compile(r"(?:\[\d+\])+$")
_MOST_LINE: Final = 4096


def names_of_signals(path: Path | str) -> Iterator[str]:
    """Names of the signals of a circuit's main component, arrays without indices, each once. Empty if unreadable."""
    seen: set[str] = set()
    try:
        with Path(path).open(encoding="ascii", errors="replace") as file:
            while line := file.readline(_MOST_LINE):
                name = line.rstrip("\n").rpartition(",")[2]
                signal = _ELEMENT.sub("", name.removeprefix("main."))
                if name.startswith("main.") and signal not in seen:
                    seen.add(signal)
                    yield signal
    except OSError:
        return
