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
    not kept. The least recently used value beyond ``capacity`` is dropped.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._futures: OrderedDict[Key, Future[Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        """Return the value of ``key``, from ``compute()`` if nobody has computed it yet."""
        with self._lock:
            future = self._futures.get(key)
            ours = future is None
            if future is None:
                future = self._futures[key] = Future()
                if len(self._futures) > self._capacity:
                    self._futures.popitem(last=False)
            else:
                self._futures.move_to_end(key)
        if ours:
            self._fulfil(key, future, compute)
        return future.result()

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
