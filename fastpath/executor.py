"""FastPath in process: any callable, run with retries, congestion control and exact statistics."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from fastpath.congestion import Congestion
from fastpath.cost import CostModel
from fastpath.errors import BadRequest, FastPathError, Overloaded
from fastpath.exposition import prometheus_text
from fastpath.failures import ErrorCounts, FailureClass, classify
from fastpath.hot_keys import HotKey, HotKeys
from fastpath.latency_recorder import LatencyRecorder
from fastpath.retry import RetryBudget, RetryPolicy
from fastpath.slots import Slots
from fastpath.statistics import FastPathStats

Result = TypeVar("Result")

_HOT_KEY_HALF_LIFE_S: Final = 600.0
_MARGIN: Final = 1.1  # of predictions that an admission relies on: operations differ and threads start late


class FastPathExecutor:
    """Runs callables in the calling thread, at most ``concurrency`` at a time, first come first served.

    The queue that it reports and reacts to is the one it measures: threads that wait for a slot. A thread that waits
    for a retry holds no slot, so others run meanwhile. An operation is retried only when its error is one of
    ``retryable_errors`` or carries ``retryable = True``, and only within a budget of 10 % of all operations.
    Thread-safe; memory does not grow with use.

    Parameters
    ----------
    concurrency
        Operations that run at once.
    max_waiting
        Threads that may wait; the next gets :class:`~fastpath.errors.Overloaded`.
    retryable_errors
        Exception classes to retry besides those that say so themselves.
    retry, congestion
        The policies; their docstrings hold the formulas.
    budget
        Bound on retries; 10 % of operations, the first ten on account.
    clock, sleep, rng
        Monotonic seconds, waiting, and jitter; replaced in tests.

    Examples
    --------
    >>> executor = FastPathExecutor(retryable_errors=(ConnectionError,))
    >>> executor.execute_with_retry(sum, [1, 2, 3])
    6
    >>> executor.stats().executed
    1
    """

    def __init__(
        self,
        *,
        concurrency: int = 8,
        max_waiting: int = 10_000,
        retryable_errors: tuple[type[Exception], ...] = (),
        retry: RetryPolicy | None = None,
        congestion: Congestion | None = None,
        budget: RetryBudget | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._slots = Slots(concurrency, max_waiting, clock)
        self._retryable_errors = retryable_errors
        self._retry = retry or RetryPolicy()
        self._congestion = congestion or Congestion()
        self._budget = budget or RetryBudget()
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._lock = threading.Lock()
        self._latency = LatencyRecorder()
        self._costs = CostModel()
        self._hot_keys = HotKeys(rng=self._rng, half_life_s=_HOT_KEY_HALF_LIFE_S)
        self._errors = ErrorCounts()
        self._executed = 0
        self._failed = 0
        self._retries = 0

    def execute(self, operation: Callable[..., Result], *arguments: object, deadline_s: float | None = None) -> Result:
        """Run an operation once.

        Parameters
        ----------
        deadline_s
            Longest wait for a slot, in seconds from now; a running operation is not interrupted.

        Raises
        ------
        BadRequest
            If ``deadline_s`` is not positive.
        Overloaded
            If too many operations wait; it was not run.
        DeadlineExceeded
            If no slot came free in time; it was not run.
        Exception
            Whatever the operation raised.
        """
        return self._execute(partial(operation, *arguments), self._deadline(deadline_s), None)

    def execute_with_retry(
        self, operation: Callable[..., Result], *arguments: object, deadline_s: float | None = None
    ) -> Result:
        """Run an operation, again while its errors are retryable; the last error is raised as it came.

        See :meth:`execute` for parameters and errors; no retry starts that could not end before the deadline.
        """
        return self._execute(partial(operation, *arguments), self._deadline(deadline_s), _calm)

    def execute_with_congestion_control(
        self, operation: Callable[..., Result], *arguments: object, deadline_s: float | None = None
    ) -> Result:
        """Run an operation with retries whose waits stretch with congestion, or refuse it at once.

        It is refused when by prediction it would end after its deadline. See :meth:`execute` for parameters and errors.
        """
        deadline = self._deadline(deadline_s)
        delay_s = self._queue_delay_s(self._slots.ahead)
        if self._clock() + _MARGIN * (delay_s + self._service_s) > deadline:
            raise Overloaded(
                f"the queue takes {delay_s:.3g} s, too long for the deadline; try again in {delay_s:.3g} s", delay_s
            )
        return self._execute(partial(operation, *arguments), deadline, self.congestion_multiplier)

    def _deadline(self, deadline_s: float | None) -> float:
        if deadline_s is None:
            return math.inf
        if not 0 < deadline_s < math.inf:
            raise BadRequest(f"deadline_s is {deadline_s!r}; it must be a positive number of seconds from now")
        return self._clock() + deadline_s

    def _execute(self, operation: Callable[[], Result], deadline: float, stretch: Callable[[], float] | None) -> Result:
        """Run until success, a final error, or the end of what attempts, budget and deadline allow."""
        arrived = self._clock()
        with self._lock:
            self._latency.arrived(arrived)
            self._budget.earn()
        self._slots.enter(deadline, self._queue_delay_s)
        failures = 0
        succeeded = False
        try:
            while True:
                try:
                    result = self._run(operation)
                except Exception as error:
                    failures += 1
                    with self._lock:
                        self._errors.add(error)
                    wait_s = None if stretch is None else self._wait_s(error, failures, deadline, stretch())
                    if wait_s is None:
                        raise
                    self._sleep(wait_s)
                    try:
                        self._slots.enter(deadline, self._queue_delay_s)
                    except FastPathError:
                        raise error from None  # the operation's own error tells more than the full queue
                    with self._lock:
                        self._retries += 1
                else:
                    succeeded = True
                    return result
        finally:
            now = self._clock()
            with self._lock:
                self._executed += 1
                self._failed += not succeeded
                self._latency.ended(now, now - arrived)

    def _run(self, operation: Callable[[], Result]) -> Result:
        began = self._clock()
        try:
            result = operation()
        finally:
            ended = self._clock()
            self._slots.leave()
        with self._lock:
            self._costs.measured("", "", "", ended - began)
        return result

    def _wait_s(self, error: Exception, failures: int, deadline: float, stretch: float) -> float | None:
        worth_it = isinstance(error, self._retryable_errors) or classify(error) is FailureClass.RETRYABLE
        if not worth_it or failures >= self._retry.attempts:
            return None
        with self._lock:
            wait_s = self._retry.wait_s(
                failures,
                service_s=self._service_s,
                now=self._clock(),
                deadline=deadline,
                rng=self._rng,
                congestion=stretch,
            )
            return wait_s if wait_s is not None and self._budget.spend() else None

    @property
    def _service_s(self) -> float:
        return self._costs.overall_s or 0.0

    def _queue_delay_s(self, ahead: int) -> float:
        return ahead * self._service_s / self._slots.count

    def congestion_multiplier(self) -> float:
        """Return how congested the measured queue is, from 1 (not) to 10."""
        return self._congestion.multiplier(self._slots.waiting, self._queue_delay_s(self._slots.ahead))

    def is_congested(self) -> bool:
        """Whether the measured queue is longer, or slower, than the congestion policy wants it."""
        return self.congestion_multiplier() > 1.0

    def track_key_access(self, key: str) -> None:
        """Count an access of a key; one that is ten minutes old counts half."""
        with self._lock:
            self._hot_keys.track(key, now=self._clock())

    def get_hot_keys(self, top_k: int = 10) -> list[HotKey]:
        """Return up to ``top_k`` keys, the most accessed first."""
        with self._lock:
            return self._hot_keys.get(top_k, self._clock())

    def reset_hot_keys(self) -> None:
        """Forget all accesses."""
        with self._lock:
            self._hot_keys.reset()

    def stats(self) -> FastPathStats:
        """Return what has run so far; refused operations did not run."""
        with self._lock:
            return FastPathStats(
                executed=self._executed,
                failed=self._failed,
                retry_count=self._retries,
                queue_length=self._slots.waiting,
                latency=self._latency.latency,
                active_s=self._latency.active_s,
                errors=self._errors(),
            )

    def export_prometheus(self, prefix: str = "fastpath") -> str:
        """Return the statistics in the Prometheus text format; see :mod:`fastpath.exposition`.

        Raises
        ------
        BadRequest
            If metric names cannot begin with ``prefix``.
        """
        return prometheus_text(self.stats(), prefix)


def _calm() -> float:
    return 1.0
