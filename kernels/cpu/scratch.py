"""Working memory that outlives a call.

Fresh pages cost more than the arithmetic done in them: a multiplication of 2^10 points takes three times as long in
new memory. A call borrows a scratch, nobody else has it meanwhile, and gives it back; there are as many as calls
were ever under way at once, each as large as its largest use.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np

from kernels.backend import Array

CACHE_LINE_WORDS = 8


def aligned_words(count: int) -> Array:
    """``uint64[count]`` of any contents, from the start of a cache line: rows then lie in as few lines as can be."""
    buffer = np.empty(count + CACHE_LINE_WORDS, np.uint64)
    start = -buffer.ctypes.data // 8 % CACHE_LINE_WORDS
    return buffer[start : start + count]


class Scratch:
    """Named buffers that grow when asked for more than ever before; contents do not survive."""

    def __init__(self) -> None:
        self._buffers: dict[str, Array] = {}

    def words(self, name: str, count: int) -> Array:
        """Return ``uint64[count]`` with any contents."""
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < count:
            buffer = self._buffers[name] = aligned_words(count)
        return buffer[:count]


_free: list[Scratch] = []
_lock = threading.Lock()


@contextlib.contextmanager
def borrow_scratch() -> Iterator[Scratch]:
    """Lend a scratch for the ``with`` block; the one returned last comes first, for its pages are in the cache."""
    with _lock:
        scratch = _free.pop() if _free else Scratch()
    try:
        yield scratch
    finally:
        with _lock:
            _free.append(scratch)
