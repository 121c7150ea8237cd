"""A fixed number of slots, given to waiting threads in the order of their arrival."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable

from fastpath.errors import BadRequest, DeadlineExceeded, Overloaded


class Slots:
    """A first-come, first-served semaphore with a bounded queue whose length can be read.

    Parameters
    ----------
    count
        Slots.
    max_waiting
        Threads that may wait at once; the next is refused.
    clock
        Monotonic seconds.
    """

    def __init__(self, count: int, max_waiting: int, clock: Callable[[], float]) -> None:
        if count < 1 or max_waiting < 0:
            raise BadRequest(f"{count} slots with {max_waiting} waiting: there is at least 1 slot, and 0 may wait")
        self.count = count
        self._free = count
        self._max_waiting = max_waiting
        self._clock = clock
        self._turns: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Threads that wait for a slot."""
        return len(self._turns)

    @property
    def ahead(self) -> int:
        """How often a slot must be left before a thread that comes now gets one."""
        return 0 if self._free else len(self._turns) + 1

    def enter(self, deadline: float, retry_after_s: Callable[[int], float]) -> None:
        """Take a slot, waiting for it until ``deadline``.

        Parameters
        ----------
        retry_after_s
            Predicts, from how often a slot must be left first, when one that is refused may return.

        Raises
        ------
        Overloaded
            If too many threads wait already.
        DeadlineExceeded
            If the deadline passes first.
        """
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._turns) >= self._max_waiting:
                wait_s = retry_after_s(len(self._turns) + 1)
                raise Overloaded(f"{len(self._turns)} operations wait already; try again in {wait_s:.3g} s", wait_s)
            turn = threading.Event()
            self._turns.append(turn)
        left_s = None if deadline == math.inf else max(0.0, deadline - self._clock())
        try:
            turn.wait(left_s)
        except BaseException:  # an interrupt must not take a slot with it
            if not self._withdraw(turn):
                self.leave()
            raise
        if self._withdraw(turn):
            raise DeadlineExceeded("no slot became free before the deadline; allow more time or run fewer at once")

    def _withdraw(self, turn: threading.Event) -> bool:
        """Give up waiting; return false if the slot has come meanwhile."""
        with self._lock:
            if turn.is_set():
                return False
            self._turns.remove(turn)
            return True

    def leave(self) -> None:
        """Hand the slot to the thread that has waited longest."""
        with self._lock:
            if self._turns:
                self._turns.popleft().set()
            else:
                self._free += 1
