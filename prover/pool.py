"""The threads that prove.

Kernels release the GIL, so threads of one process use all cores and share keys without copies. Each thread is called
``prover-worker-{i}`` in Python and in the kernel, where ``top -H`` and py-spy see it.
"""

from __future__ import annotations

import itertools
import os
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

from prover.errors import BadInput

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

THREADS_VARIABLE = "PROVER_THREADS"
MOST_THREADS = 1024
_STEM = "prover-worker-"
_COMM_LENGTH = 15
"""Longest thread name in Linux (TASK_COMM_LEN less the terminator)."""


@dataclass(frozen=True)
class PoolStats:
    """What a pool has done.

    Attributes
    ----------
    tasks
        Tasks completed, failed ones included.
    average_ms
        Mean time of a task from its start to its end, waiting excluded; 0 before the first.
    """

    tasks: int
    average_ms: float


class ProverPool:
    """A fixed number of threads that run tasks in order of submission.

    Parameters
    ----------
    threads
        1 to 1024; defaults to :func:`threads_from_environment`.
    """

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None and not (type(threads) is int and 1 <= threads <= MOST_THREADS):
            raise BadInput(f"a prover pool has 1 to {MOST_THREADS} threads, not {threads!r}")
        self.threads = threads or threads_from_environment()
        self._lock = threading.Lock()
        self._tasks = 0
        self._seconds = 0.0
        self._numbers = itertools.count()
        self._executor = ThreadPoolExecutor(self.threads, initializer=self._name_thread)

    def submit(
        self, task: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Queue a task. Raises RuntimeError once the pool is closed."""
        return self.submit_together(1, partial(task, *args, **kwargs))

    def submit_together(self, tasks: int, work: Callable[[], Result]) -> Future[Result]:
        """Queue work that does several tasks at once, or that is no task of its own (0): so much for the statistics."""
        return self._executor.submit(self._timed, tasks, work)

    def stats(self) -> PoolStats:
        """Tasks completed so far and their mean time."""
        with self._lock:
            return PoolStats(self._tasks, 1e3 * self._seconds / self._tasks if self._tasks else 0.0)

    def close(self) -> None:
        """Finish what is queued, then end the threads."""
        self._executor.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _timed(self, tasks: int, work: Callable[[], Result]) -> Result:
        started = time.perf_counter()
        try:
            return work()
        finally:
            seconds = time.perf_counter() - started
            with self._lock:
                self._tasks += tasks
                self._seconds += seconds if tasks else 0.0

    def _name_thread(self) -> None:
        number = next(self._numbers)
        threading.current_thread().name = f"{_STEM}{number}"
        comm = Path(f"/proc/self/task/{threading.get_native_id()}/comm")
        if comm.exists():  # Linux; elsewhere Python's name must do
            comm.write_text(_os_name(number), encoding="utf-8")


def _os_name(number: int) -> str:
    """The thread's name cut to what Linux holds, in the stem: the number is what tells threads apart."""
    digits = str(number)
    return _STEM[: _COMM_LENGTH - len(digits)] + digits


def threads_from_environment() -> int:
    """Number of threads in the environment variable ``PROVER_THREADS``, else the number of usable CPUs.

    Raises
    ------
    BadInput
        If the variable holds anything but an integer from 1 to 1024.
    """
    given = os.environ.get(THREADS_VARIABLE)
    if given is None:
        return min(MOST_THREADS, _usable_cpus())
    if not re.fullmatch("[1-9][0-9]{0,3}", given) or int(given) > MOST_THREADS:
        raise BadInput(f"{THREADS_VARIABLE} is {given!r}; allowed is an integer from 1 to {MOST_THREADS}")
    return int(given)


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_default: ProverPool | None = None
_default_lock = threading.Lock()


def default_pool() -> ProverPool:
    """The process' own pool, made at the first call and never closed."""
    global _default  # noqa: PLW0603 - one pool a process is the point
    with _default_lock:
        if _default is None:
            _default = ProverPool()
        return _default


def get_pool_stats() -> PoolStats:
    """Statistics of the default pool; asking does not start it."""
    pool = _default
    return pool.stats() if pool else PoolStats(tasks=0, average_ms=0.0)


def _forget_default() -> None:
    global _default, _default_lock
    _default, _default_lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_default)  # threads do not survive a fork
