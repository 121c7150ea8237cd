"""What is counted and timed, and the values that the counts are read as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fastpath.hot_keys import HotKey
from fastpath.quantiles import QuantileSketch
from fastpath.scaling import ScalingAdvice
from fastpath.tenants import TenantStats

QUANTILES: Final = (0.50, 0.90, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Latency:
    """A latency distribution in milliseconds; quantiles are within 1 %. All zero when ``count`` is."""

    count: int = 0
    sum_ms: float = 0.0
    p50_ms: float = 0.0
    p90_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0

    @classmethod
    def of(cls, seconds: QuantileSketch) -> Latency:
        """Read a sketch of seconds."""
        p50, p90, p95, p99 = (1000 * value for value in seconds.quantiles(*QUANTILES))
        return cls(seconds.count, 1000 * seconds.total, p50, p90, p95, p99, 1000 * seconds.maximum)

    @property
    def average_ms(self) -> float:
        """Mean; 0 when nothing was measured."""
        return self.sum_ms / self.count if self.count else 0.0


@dataclass(frozen=True, kw_only=True)
class FastPathStats:
    """What has run so far.

    Attributes
    ----------
    executed
        Operations that ran to an end, good or bad.
    failed
        Those among them that ended in an error.
    retry_count
        Runs beyond the first of an operation.
    queue_length
        Operations that wait for a worker.
    latency
        From arrival to end, waits and retries included, over all ``executed``.
    active_s
        From the first arrival to the last end.
    errors
        Errors of runs, retried ones included, by their ``code``, else by their class; the most frequent first.
    """

    executed: int = 0
    failed: int = 0
    retry_count: int = 0
    queue_length: int = 0
    latency: Latency = field(default_factory=Latency)
    active_s: float = 0.0
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def average_latency_ms(self) -> float:
        """Mean latency."""
        return self.latency.average_ms

    @property
    def p50_ms(self) -> float:
        """Median latency."""
        return self.latency.p50_ms

    @property
    def p90_ms(self) -> float:
        """Latency that 90 % do not exceed."""
        return self.latency.p90_ms

    @property
    def p95_ms(self) -> float:
        """Latency that 95 % do not exceed."""
        return self.latency.p95_ms

    @property
    def p99_ms(self) -> float:
        """Latency that 99 % do not exceed."""
        return self.latency.p99_ms

    def retry_rate(self) -> float:
        """Return retries per executed operation; 0 before the first."""
        return self.retry_count / self.executed if self.executed else 0.0

    def success_rate(self) -> float:
        """Return the share of executed operations that succeeded; 1 before the first."""
        return 1 - self.failed / self.executed if self.executed else 1.0

    def estimated_tps(self) -> float:
        """Return executed operations per second of ``active_s``; 0 before the first has ended."""
        return self.executed / self.active_s if self.active_s > 0 else 0.0

    def summary(self) -> str:
        """Return the figures as text for people."""
        errors = ", ".join(f"{name} {count}" for name, count in self.errors.items()) or "none"
        return (
            f"executed {self.executed}, failed {self.failed} (success {self.success_rate():.2%}), "
            f"{self.estimated_tps():.1f}/s\n"
            f"latency  average {self.average_latency_ms:.3g} ms, p50 {self.p50_ms:.3g}, p90 {self.p90_ms:.3g}, "
            f"p95 {self.p95_ms:.3g}, p99 {self.p99_ms:.3g}\n"
            f"retries  {self.retry_count} ({self.retry_rate():.2%}), queue length {self.queue_length}\n"
            f"errors   {errors}"
        )


@dataclass(kw_only=True)
class Counters:
    """Events since the start of a scheduler.

    Attributes
    ----------
    dead_lettered
        Jobs given up because they ended two workers while they ran alone.
    hopeless
        Expired jobs that were dropped before their deadline, because they could not end in time any more.
    refused
        Jobs of submissions that were answered with ``Overloaded``, ``DeadlineExceeded`` or ``Unavailable``.
    repeated
        Jobs of submissions that repeated an earlier one by its idempotency key.
    retries
        Times a job was queued to run again, for whatever reason.
    requeued
        Those among them that followed a lost worker.
    verified_proofs
        Results accepted; a worker sends none that it has not verified.
    late_results
        Results dropped because their job had already finished otherwise.
    wasted_s
        Worker seconds of runs whose result was not used.
    timeouts
        Calls that gave no answer in time.
    invalid_proofs
        Proofs that a worker made and that did not verify.
    alarms
        Things an operator had to be told.
    """

    submitted: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    hopeless: int = 0
    dead_lettered: int = 0
    refused: int = 0
    repeated: int = 0
    retries: int = 0
    requeued: int = 0
    worker_losses: int = 0
    verified_proofs: int = 0
    late_results: int = 0
    wasted_s: float = 0.0
    timeouts: int = 0
    invalid_proofs: int = 0
    alarms: int = 0


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """One worker as the scheduler sees it.

    Attributes
    ----------
    limit
        Calls that its guard allows at once.
    breaker, breaker_opened
        State of its circuit breaker, and how often that has opened.
    keys, key_hits, key_misses
        Keys it has at hand, and whether jobs found theirs there.
    threads, wanted_threads
        Threads it works with, and how many :func:`fastpath.scaling.advise_threads` would give it; 0 when not known.
    """

    name: str
    alive: bool
    slots: int
    calls_in_flight: int
    jobs_in_flight: int
    completed: int
    losses: int
    limit: int = 1
    breaker: str = "closed"
    breaker_opened: int = 0
    keys: int = 0
    key_hits: int = 0
    key_misses: int = 0
    threads: int = 0
    wanted_threads: int = 0


@dataclass(frozen=True, kw_only=True)
class ServiceStats(FastPathStats):
    """The statistics of a scheduler: :class:`FastPathStats` over its jobs, and everything else it knows of itself.

    Attributes
    ----------
    in_flight
        Jobs that workers have.
    held_jobs, held_bytes
        What counts towards ``max_jobs`` and ``max_bytes``.
    queue_delay_s
        Predicted wait of a job that arrives now and goes to the end.
    congestion
        The scale of :mod:`fastpath.congestion`, from 1 to 10.
    latency_by_key
        For the 64 keys that had a result last.
    latency_by_stage
        For 16 keys and completed jobs: ``queue`` until the first start, ``service`` in the worker.
    tenants, jain_index
        What each tenant got, and how even the worker seconds of those with jobs are.
    forecast_error
        Quantile 0.5 and 0.95 of the error of the predicted time to a result, as a share of the time it took.
    blocked
        Jobs that wait for a conflicting one.
    promises
        Places kept for refused work.
    advice
        On scaling.
    deciding
        Time from a submission's arrival to its acceptance or refusal, where the driver measures it.
    """

    counters: Counters = field(default_factory=Counters)
    in_flight: int = 0
    held_jobs: int = 0
    held_bytes: int = 0
    max_jobs: int = 0
    max_bytes: int = 0
    queue_delay_s: float = 0.0
    congestion: float = 1.0
    latency_by_key: Mapping[str, Latency] = field(default_factory=dict)
    latency_by_stage: Mapping[str, Mapping[str, Latency]] = field(default_factory=dict)
    tenants: tuple[TenantStats, ...] = ()
    jain_index: float = 1.0
    forecast_error: tuple[float, float] = (0.0, 0.0)
    blocked: int = 0
    promises: int = 0
    advice: ScalingAdvice = field(default_factory=ScalingAdvice)
    deciding: Latency = field(default_factory=Latency)
    hot_keys: tuple[HotKey, ...] = ()
    workers: tuple[WorkerStats, ...] = ()
    draining: bool = False
    uptime_s: float = 0.0
