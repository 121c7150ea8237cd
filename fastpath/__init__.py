"""The control plane: admission, queueing, grouping, retry, deadlines, statistics.

It moves opaque jobs and knows nothing of proofs. Policies are pure. :class:`FastPathExecutor` runs them in process for
any callable; :mod:`fastpath.actor`, which alone imports Ray and is therefore not imported here, runs them as a service.
"""

from __future__ import annotations

from fastpath.congestion import Congestion
from fastpath.decisions import BatchStatus, Cancellation, JobStatus
from fastpath.errors import (
    BadRequest,
    Cancelled,
    DeadlineExceeded,
    FastPathError,
    Overloaded,
    Unavailable,
    UnknownJob,
    WorkerLost,
)
from fastpath.executor import FastPathExecutor
from fastpath.exposition import prometheus_text
from fastpath.hot_keys import HotKey, HotKeys
from fastpath.job import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY, JobRecord, JobState
from fastpath.quantiles import QuantileSketch
from fastpath.retry import RetryBudget, RetryPolicy
from fastpath.settings import SchedulerSettings
from fastpath.statistics import Counters, FastPathStats, Latency, ServiceStats, WorkerStats

__all__ = [
    "DEFAULT_PRIORITY",
    "HIGHEST_PRIORITY",
    "LOWEST_PRIORITY",
    "BadRequest",
    "BatchStatus",
    "Cancellation",
    "Cancelled",
    "Congestion",
    "Counters",
    "DeadlineExceeded",
    "FastPathError",
    "FastPathExecutor",
    "FastPathStats",
    "HotKey",
    "HotKeys",
    "JobRecord",
    "JobState",
    "JobStatus",
    "Latency",
    "Overloaded",
    "QuantileSketch",
    "RetryBudget",
    "RetryPolicy",
    "SchedulerSettings",
    "ServiceStats",
    "Unavailable",
    "UnknownJob",
    "WorkerLost",
    "WorkerStats",
    "prometheus_text",
]
