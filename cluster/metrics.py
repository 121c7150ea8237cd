"""FastPath's statistics, and the vault's tables, as Prometheus metrics, served on a port of their own.

Two sets of names for one state, read once a scrape: canonical ones in base units (seconds, bytes), and those of the
first FastPath (``fastpath_txns_total``, ``fastpath_latency_ms``, ``fastpath_retries_total``,
``fastpath_queue_length``), which dashboards already know. :func:`serve` is what the FastPath actor is given to call.

Examples
--------
>>> registry = build_registry(ServiceStats)
>>> registry.get_sample_value("fastpath_queue_jobs")
0.0
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from cluster.metric_families import counter, counters, gauge, gauges, summaries, summary
from cluster.policy_metrics import policy_metrics
from cluster.table_metrics import TableCollector, vault_health
from cluster.worker_metrics import worker_metrics
from fastpath.errors import BadRequest, Unavailable
from fastpath.statistics import QUANTILES, ServiceStats

PORT_VARIABLE: Final = "FASTPATH_PROVER_METRICS_PORT"
_LOOPBACK: Final = "127.0.0.1"
_ORIGINAL_QUANTILES: Final = tuple(f"{q:.2f}" for q in QUANTILES)


class StatisticsCollector(Collector):
    """Reads the statistics once for every scrape and yields all metrics from that one value.

    Parameters
    ----------
    statistics
        Returns the current statistics; called on the thread that serves the scrape.
    """

    def __init__(self, statistics: Callable[[], ServiceStats]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family."""
        stats = self._statistics()
        yield from _jobs(stats)
        yield from _load(stats)
        yield from _latency(stats)
        yield from worker_metrics(stats.workers)
        yield from policy_metrics(stats)
        yield from _original(stats)


def build_registry(
    statistics: Callable[[], ServiceStats], ask_vault: Callable[[], Mapping[str, Any]] = dict
) -> CollectorRegistry:
    """Return a registry with the service's metrics, the vault's, and its process' (memory, CPU, open files)."""
    registry = CollectorRegistry()
    registry.register(StatisticsCollector(statistics))
    registry.register(TableCollector(ask_vault))
    ProcessCollector(namespace="fastpath", registry=registry)
    return registry


def serve(statistics: Callable[[], ServiceStats], namespace: str) -> str:
    """Serve the metrics on loopback and return their address, ``http://127.0.0.1:<port>/metrics``.

    The port is in the environment variable ``FASTPATH_PROVER_METRICS_PORT``; 0, the default, takes a free one.

    Parameters
    ----------
    namespace
        Of the vault, which is asked about its tables.

    Raises
    ------
    BadRequest
        If the variable holds no port.
    Unavailable
        If the port is taken.
    """
    port = _port(os.environ.get(PORT_VARIABLE, "0"))
    registry = build_registry(statistics, partial(vault_health, namespace))
    try:
        server, _ = start_http_server(port, addr=_LOOPBACK, registry=registry)
    except OSError as error:
        raise Unavailable(
            f"metrics cannot be served on port {port}: {error.strerror}; set {PORT_VARIABLE} to a free port, or to 0"
        ) from error
    return f"http://{_LOOPBACK}:{server.server_port}/metrics"


def _port(given: str) -> int:
    if not (given.isascii() and given.isdecimal()) or int(given) > 65535:
        raise BadRequest(f"{PORT_VARIABLE} is {given!r}; allowed is 0 (any free port) to 65535")
    return int(given)


def _jobs(stats: ServiceStats) -> Iterator[Metric]:
    counts = stats.counters
    yield counter("fastpath_submitted_jobs", "Jobs taken into the queue.", counts.submitted)
    yield counter("fastpath_refused_jobs", "Jobs turned away: queue full, draining, no worker.", counts.refused)
    ends = {
        "done": counts.completed,
        "failed": counts.failed,
        "cancelled": counts.cancelled,
        "expired": counts.expired,
        "dead-letter": counts.dead_lettered,
    }
    retries = {"worker_lost": counts.requeued, "error": counts.retries - counts.requeued}
    yield counters("fastpath_jobs", "Finished jobs by final state.", "state", ends)
    yield counters("fastpath_job_retries", "Times a job was queued to run again.", "reason", retries)
    yield counter("fastpath_verified_proofs", "Proofs accepted; each was verified first.", counts.verified_proofs)
    yield counter("fastpath_late_results", "Results dropped: their job had finished already.", counts.late_results)
    yield counter("fastpath_worker_losses", "Times a worker died or stopped answering.", counts.worker_losses)


def _load(stats: ServiceStats) -> Iterator[Metric]:
    yield gauge("fastpath_queue_jobs", "Jobs that wait for a worker.", stats.queue_length)
    yield gauge("fastpath_in_flight_jobs", "Jobs that workers have.", stats.in_flight)
    yield gauge("fastpath_held_jobs", "Unfinished jobs, waiting or running.", stats.held_jobs)
    yield gauge("fastpath_held_jobs_limit", "Unfinished jobs above which batches are refused.", stats.max_jobs)
    yield gauge("fastpath_held_bytes", "Witness bytes of unfinished batches.", stats.held_bytes)
    yield gauge("fastpath_held_bytes_limit", "Witness bytes above which batches are refused.", stats.max_bytes)
    yield gauge("fastpath_queue_delay_seconds", "Predicted wait of a job that arrives now.", stats.queue_delay_s)
    yield gauge("fastpath_congestion_level", "From 1 (free) to 10 (congested).", stats.congestion)
    yield gauge("fastpath_draining", "1 while new batches are refused for a shutdown.", stats.draining)
    yield gauge("fastpath_uptime_seconds", "Since the service started.", stats.uptime_s)
    hot = {hot.key: hot.count for hot in stats.hot_keys}
    yield gauges("fastpath_hot_key_jobs", "Jobs of the most used proving keys; an upper bound.", "key_id", hot)


def _latency(stats: ServiceStats) -> Iterator[Metric]:
    yield summary(
        "fastpath_job_latency_seconds", "From submission to result, waits and retries included.", stats.latency
    )
    yield summaries(
        "fastpath_key_latency_seconds",
        "From submission to result, by proving key, for the keys used last.",
        "key_id",
        stats.latency_by_key,
    )


def _original(stats: ServiceStats) -> Iterator[Metric]:
    yield counter("fastpath_txns", "Operations that ran to an end, good or bad.", stats.executed)
    yield summary(
        "fastpath_latency_ms",
        "Milliseconds from arrival to end, waits and retries included.",
        stats.latency,
        _ORIGINAL_QUANTILES,
        scale=1.0,
    )
    yield counter("fastpath_retries", "Runs beyond the first of an operation.", stats.retry_count)
    yield gauge("fastpath_queue_length", "Operations that wait for a worker.", stats.queue_length)
