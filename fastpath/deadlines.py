"""Deadlines of batches, earliest first."""

from __future__ import annotations

import heapq
import math
from collections.abc import Container, Sized
from typing import Protocol


class _Batches(Container[str], Sized, Protocol):
    """The batches that can still be asked for, by id."""


class Deadlines:
    """A heap of deadlines; those of batches that are gone are skipped, and swept once they are the majority."""

    def __init__(self, batches: _Batches) -> None:
        self._batches = batches
        self._heap: list[tuple[float, str]] = []

    def add(self, deadline: float, batch_id: str) -> None:
        """Watch a deadline, unless it is infinite."""
        if deadline == math.inf:
            return
        heapq.heappush(self._heap, (deadline, batch_id))
        if len(self._heap) > 2 * len(self._batches) + 64:
            self._heap = [entry for entry in self._heap if entry[1] in self._batches]
            heapq.heapify(self._heap)

    def next_due(self) -> float | None:
        """Return the earliest deadline; ``None`` if there is none."""
        while self._heap and self._heap[0][1] not in self._batches:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_passed(self, now: float) -> list[str]:
        """Return the batches whose deadline has passed, each once."""
        passed = []
        while (due := self.next_due()) is not None and due <= now:
            passed.append(heapq.heappop(self._heap)[1])
        return passed
