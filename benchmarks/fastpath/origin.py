"""The policy of the system this one replaces, from its description, and the clients that go with it.

It queues without bound, first come first served, for a pool of workers. It refuses nothing, drops nothing and does not
know deadlines. Whatever an error is, the worker sleeps and tries again, up to a fixed number of times:

    delay = min(1 s, 1 ms 2^k) m,    m = trunc(min(queue / threshold, 10)) above the threshold of 1000, else 1,

with a jitter that an integer division makes zero. Its histogram has eight buckets, and a quantile is the upper bound of
one; its hot keys are an exact count of every key ever seen.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.fastpath.policy import Call, Ended, Orders, Refusal, Run
from benchmarks.fastpath.requests import Request, Trace
from fastpath.retry import RetryBudget

BUCKETS_MS: Final = (1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0, math.inf)
THRESHOLD: Final = 1000
ATTEMPTS: Final = 4
"""Runs of a job by its worker, and submissions of a request by its client, before they give up."""


def retry_delay_s(failures: int, queue_length: int) -> float:
    """Return the sleep after the ``failures``-th failure (from 1)."""
    multiplier = math.trunc(min(queue_length / THRESHOLD, 10)) if queue_length > THRESHOLD else 1
    return min(1.0, 0.001 * 2.0 ** (failures - 1)) * multiplier


def histogram_quantile(values_ms: Iterable[float], q: float) -> float:
    """Return a quantile as the origin answers it: the bound of its bucket."""
    counts = Counter(bisect_left(BUCKETS_MS, value) for value in values_ms)
    rank, seen = q * counts.total(), 0
    for index, bound in enumerate(BUCKETS_MS):
        seen += counts[index]
        if seen >= rank:
            return bound
    return math.inf


@dataclass(slots=True)
class _Job:
    job: int
    deadline_s: float
    failures: int = 0


class OriginPolicy:
    """First come first served for a pool of workers that sleep before they retry.

    Parameters
    ----------
    drops_expired
        The one improvement that the table of improvements makes to it: work nobody waits for any more is not begun.
    """

    name = "origin"

    def __init__(self, trace: Trace, *, drops_expired: bool = False) -> None:
        self._drops_expired = drops_expired
        self._waiting: deque[_Job] = deque()
        self._free = [prover for prover in range(trace.provers) for _ in range(trace.lanes)]
        self._away: set[int] = set()
        self._lanes = trace.lanes
        self._sleeping: list[tuple[float, int, int, _Job]] = []
        self._ended: list[Ended] = []

    def submit(self, now: float, job: int, request: Request, ticket: str = "") -> Refusal | None:  # noqa: ARG002
        """Queue it, always."""
        self._waiting.append(_Job(job, now + request.patience_s))
        return None

    def predicted_finish_s(self, now: float, job: int) -> float | None:  # noqa: ARG002
        """It has no idea."""
        return None

    def queue_length(self) -> int:
        """Jobs in the queue."""
        return len(self._waiting)

    def tick(self, now: float) -> Orders:
        """Wake the workers that slept, and give the oldest jobs to free ones."""
        calls = []
        while (call := self._next_call(now)) is not None:
            calls.append(call)
        ended, self._ended = self._ended, []
        next_event_s = self._sleeping[0][0] if self._sleeping else None
        return Orders(calls=calls, ended=ended, next_event_s=next_event_s)

    def _next_call(self, now: float) -> Call | None:
        while self._sleeping and self._sleeping[0][0] <= now:
            _, _, prover, job = heapq.heappop(self._sleeping)
            if prover not in self._away:
                return Call(prover, (job.job,), job)
            self._waiting.appendleft(job)  # it slept on a machine that is gone: the pool runs the job again
        while self._drops_expired and self._waiting and self._waiting[0].deadline_s <= now:
            self._ended.append(Ended(self._waiting.popleft().job, proved=False))
        if not self._waiting or not self._free:
            return None
        job = self._waiting.popleft()
        return Call(self._free.pop(), (job.job,), job)

    def began(self, now: float, call: Call) -> None:
        """It is not told."""

    def ended(self, now: float, call: Call, runs: Sequence[Run]) -> None:
        """Pass a proof on; after an error let the worker sleep, then try again, whatever the error was."""
        job = call.handle
        assert isinstance(job, _Job)
        (run,) = runs
        if run.fault is not None:
            job.failures += 1
            if job.failures < ATTEMPTS:
                delay_s = retry_delay_s(job.failures, len(self._waiting))
                heapq.heappush(self._sleeping, (now + delay_s, job.job, call.prover, job))
                return
        self._ended.append(Ended(job.job, run.fault is None))
        self._release(call.prover)

    def lost(self, now: float, call: Call) -> None:  # noqa: ARG002
        """Treat the loss as an error like any other: the job goes to the next worker."""
        job = call.handle
        assert isinstance(job, _Job)
        job.failures += 1
        if job.failures < ATTEMPTS:
            self._waiting.appendleft(job)
        else:
            self._ended.append(Ended(job.job, proved=False))

    def gone(self, now: float, prover: int) -> None:  # noqa: ARG002
        """Use it no more."""
        self._away.add(prover)
        self._free = [free for free in self._free if free != prover]

    def back(self, now: float, prover: int) -> None:  # noqa: ARG002
        """Use it again."""
        self._away.discard(prover)
        asleep = sum(entry[2] == prover for entry in self._sleeping)
        self._free.extend([prover] * (self._lanes - asleep))

    def _release(self, prover: int) -> None:
        if prover not in self._away:
            self._free.append(prover)

    def probed(self, now: float, prover: int) -> None:
        """It never asks."""


class OriginClient:
    """Submits again when no answer came in time, after the origin's delay; up to four times in all.

    Parameters
    ----------
    rng
        An improvement: the delay is uniform between 0 and the origin's.
    budget
        Another: it comes back for a tenth of its requests only.
    """

    def __init__(self, rng: Random | None = None, budget: RetryBudget | None = None) -> None:
        self._rng = rng
        self._budget = budget

    def after_refusal(self, now: float, tenant: str, attempts: int, refusal: Refusal) -> float | None:  # noqa: ARG002
        """It is never refused; if it were, it would come back as after any failure."""
        return self.after_failure(now, tenant, attempts, 0)

    def after_failure(self, now: float, tenant: str, attempts: int, queue_length: int) -> float | None:  # noqa: ARG002
        """Return the seconds until it submits again; ``None`` when it gives up."""
        if attempts >= ATTEMPTS or (self._budget is not None and not self._budget.spend()):
            return None
        return retry_delay_s(attempts, queue_length) * (1.0 if self._rng is None else self._rng.random())

    def submitted(self, now: float, tenant: str) -> bool:  # noqa: ARG002
        """Whether it sends a new request: always."""
        if self._budget is not None:
            self._budget.earn()
        return True

    def answered(self, now: float, tenant: str, accepted: bool) -> None:
        """It does not listen."""
