"""The control plane: admission, queueing, grouping, retry, deadlines, statistics.

It moves opaque jobs and knows nothing of proofs. Policies are pure. :class:`FastPathExecutor` runs them in process for
any callable; :mod:`fastpath.actor`, which alone imports Ray and is therefore not imported here, runs them as a service.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from fastpath.congestion import Congestion
    from fastpath.decisions import BatchStatus, Cancellation, JobStatus
    from fastpath.executor import FastPathExecutor
    from fastpath.exposition import prometheus_text
    from fastpath.hot_keys import HotKey, HotKeys
    from fastpath.job import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY, JobRecord, JobState
    from fastpath.quantiles import QuantileSketch
    from fastpath.retry import RetryBudget, RetryPolicy
    from fastpath.settings import SchedulerSettings
    from fastpath.statistics import Counters, FastPathStats, Latency, ServiceStats, WorkerStats

_HOMES = {
    "BatchStatus": "fastpath.decisions",
    "Cancellation": "fastpath.decisions",
    "Congestion": "fastpath.congestion",
    "Counters": "fastpath.statistics",
    "DEFAULT_PRIORITY": "fastpath.job",
    "FastPathExecutor": "fastpath.executor",
    "FastPathStats": "fastpath.statistics",
    "HIGHEST_PRIORITY": "fastpath.job",
    "HotKey": "fastpath.hot_keys",
    "HotKeys": "fastpath.hot_keys",
    "JobRecord": "fastpath.job",
    "JobState": "fastpath.job",
    "JobStatus": "fastpath.decisions",
    "LOWEST_PRIORITY": "fastpath.job",
    "Latency": "fastpath.statistics",
    "QuantileSketch": "fastpath.quantiles",
    "RetryBudget": "fastpath.retry",
    "RetryPolicy": "fastpath.retry",
    "SchedulerSettings": "fastpath.settings",
    "ServiceStats": "fastpath.statistics",
    "WorkerStats": "fastpath.statistics",
    "prometheus_text": "fastpath.exposition",
}

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


def __getattr__(name: str) -> object:
    # Whoever only handles errors, as the command line does before it has work, does not wait for the rest.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fastpath' has no attribute {name!r}")
