"""How much memory a call of a worker takes: the growth of the process' resident memory to its high-water mark.

The kernel keeps that mark for every process, so nothing is sampled and no short peak is missed. What is subtracted, and
why the rest is what the call took:

- Memory that libraries freed and kept would be used again unseen, so it is given back first (``malloc_trim``).
- Pages of keys and witnesses in the object store, and of files, are shared and budgeted elsewhere; they stay mapped, so
  what is resident of them in the end is what there was at the peak at most.
- The mark is reset when a call begins (``/proc/self/clear_refs``).

All that costs milliseconds, and it means something only while no other call is here. So the first call of a key is not
measured, which also sets up what then stays; the next :data:`FIRST` are, then one in about :data:`EVERY`, and none that
meets another call. Where the system keeps no such mark, none is.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FIRST: Final = 3
EVERY: Final = 64
_KEYS: Final = 1024
_PROCESS: Final = Path("/proc/self")
_RESET_MARK: Final = "5"
_KIB: Final = 1024


@dataclass
class Peak:
    """What a call took.

    Attributes
    ----------
    byte_count
        0 when it was not measured, and until it has ended.
    """

    byte_count: int = 0


@dataclass
class _Measured:
    """How often calls of a key were measured, how many have come since, and how many in all."""

    times: int = 0
    calls_since: int = 0
    calls: int = 0

    @property
    def is_due(self) -> bool:
        return self.calls > 1 and (self.times < FIRST or self.calls_since >= EVERY)


class PeakMemory:
    """Measures calls of this process. Safe to use from any thread.

    Parameters
    ----------
    process
        Where the kernel tells of this process.
    """

    def __init__(self, process: Path = _PROCESS) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._open = 0
        self._met = False
        self._keys: OrderedDict[str, _Measured] = OrderedDict()

    @contextlib.contextmanager
    def measured(self, key_id: str) -> Iterator[Peak]:
        """Measure what the ``with`` block takes, if it is its turn and it is alone."""
        peak = Peak()
        with self._lock:
            alone, self._met = not self._open, bool(self._open)
            self._open += 1
            measured = self._of(key_id)
            before = self._begin() if alone and measured.is_due else None
        try:
            yield peak
        finally:
            with self._lock:
                self._open -= 1
                if before is not None and not self._met:
                    peak.byte_count = max(1, self._own_bytes("VmHWM") - before)
                    measured.times, measured.calls_since = measured.times + 1, 0

    def _of(self, key_id: str) -> _Measured:
        measured = self._keys[key_id] = self._keys.pop(key_id, _Measured())
        if len(self._keys) > _KEYS:
            self._keys.popitem(last=False)
        measured.calls_since, measured.calls = measured.calls_since + 1, measured.calls + 1
        return measured

    def _begin(self) -> int | None:
        """Return what is resident of the process' own memory now; ``None`` where that cannot be told."""
        try:
            _give_back()
            (self._process / "clear_refs").write_text(_RESET_MARK, encoding="ascii")
            return self._own_bytes("VmRSS")
        except (OSError, KeyError):
            return None

    def _own_bytes(self, total: str) -> int:
        """A total of resident memory, less what is of files and shared."""
        lines = (self._process / "status").read_text(encoding="ascii", errors="replace").splitlines()
        sizes = {name: size.split() for name, _, size in (line.partition(":") for line in lines)}
        own = int(sizes[total][0]) - int(sizes["RssFile"][0]) - int(sizes["RssShmem"][0])
        return own * _KIB


def _give_back() -> None:
    """Have the C library return to the system what it keeps for later; others than glibc cannot be asked."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
