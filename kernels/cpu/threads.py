"""Spread jobs of a call over threads.

The calling thread takes jobs, too, beside helpers that outlive the call. A thread started for a call, or woken while
its caller goes to sleep, is often queued on the CPU of the thread before it, and stays there for milliseconds: two
transforms of 3 ms then take as long on two threads as on one.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")

MOST_HELPERS = 1024
"""As many as a prover's pool has threads at most; helpers that are busy are done without."""


def for_each(run: Callable[[Job], None], jobs: Sequence[Job], threads: int) -> None:
    """Call ``run`` for every job, on up to ``threads`` threads; compiled kernels run beside each other.

    Jobs begin in order. Once one raises, no further one begins; those under way end before the error is raised.
    """
    if threads == 1 or len(jobs) == 1:
        for job in jobs:
            run(job)
        return
    waiting = deque(jobs)

    def take() -> None:
        try:
            while waiting:
                try:
                    job = waiting.popleft()
                except IndexError:  # another thread was quicker
                    return
                run(job)
        except BaseException:
            waiting.clear()
            raise

    helpers = [_executor().submit(take) for _ in range(min(threads, len(jobs)) - 1)]
    try:
        take()
    finally:
        begun = [helper for helper in helpers if not helper.cancel()]
        failures = [failure for helper in begun if (failure := helper.exception()) is not None]
    for failure in failures:
        raise failure


_shared: ThreadPoolExecutor | None = None
_lock = threading.Lock()


def _executor() -> ThreadPoolExecutor:
    """The process' helpers: as many as were ever wanted at once."""
    global _shared  # noqa: PLW0603 - one pool a process is the point
    with _lock:
        if _shared is None:
            _shared = ThreadPoolExecutor(MOST_HELPERS, thread_name_prefix="kernels-helper")
        return _shared


def _forget() -> None:
    global _shared, _lock
    _shared, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # threads do not survive a fork
