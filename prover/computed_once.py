"""Values that are expensive to compute, wanted by many threads at once, and kept in bounded number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ComputedOnce(Generic[Key, Value]):
    """A cache that computes each value once, however many threads ask for it at the same time.

    The first thread to ask computes while the others wait for its result; a failure reaches all who waited and is
    not kept. The least recently used value beyond ``capacity`` is dropped; pinned ones neither count nor go.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._futures: OrderedDict[Key, Future[Value]] = OrderedDict()
        self._pinned: set[Key] = set()
        self._lock = threading.Lock()

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        """Return the value of ``key``, from ``compute()`` if nobody has computed it yet."""
        with self._lock:
            future = self._futures.get(key)
            ours = future is None
            if future is None:
                future = self._futures[key] = Future()
                self._drop_oldest()
            else:
                self._futures.move_to_end(key)
        if ours:
            self._fulfil(key, future, compute)
        return future.result()

    def peek(self, key: Key) -> Value | None:
        """Return the value of ``key`` if it is there, without counting that as a use."""
        with self._lock:
            future = self._futures.get(key)
        return future.result() if future is not None and future.done() and future.exception() is None else None

    def pin(self, key: Key, *, pinned: bool = True) -> None:
        """Keep the value of ``key`` from now on, computed or yet to be, or no longer."""
        with self._lock:
            if pinned:
                self._pinned.add(key)
            else:
                self._pinned.discard(key)
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        free = [key for key in self._futures if key not in self._pinned]
        for key in free[: max(0, len(free) - self._capacity)]:
            del self._futures[key]

    def release(self, key: Key) -> None:
        """Drop a value, if there is one and it is not pinned."""
        with self._lock:
            if key not in self._pinned:
                self._futures.pop(key, None)

    def forget(self, key: Key) -> None:
        """Drop a value, if there is one; who has it keeps it."""
        with self._lock:
            self._futures.pop(key, None)

    def _fulfil(self, key: Key, future: Future[Value], compute: Callable[[], Value]) -> None:
        try:
            future.set_result(compute())
        except BaseException as error:
            with self._lock:
                if self._futures.get(key) is future:
                    del self._futures[key]
            future.set_exception(error)
            raise
