"""FastPath's statistics as Prometheus metrics, served on a port of their own.

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
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cluster.metric_families import counter, gauge, labelled, summary
from cluster.policy_metrics import policy_metrics
from fastpath.errors import BadRequest, Unavailable
from fastpath.statistics import QUANTILES, ServiceStats

PORT_VARIABLE: Final = "FASTPATH_PROVER_METRICS_PORT"
_LOOPBACK: Final = "127.0.0.1"
_ORIGINAL_QUANTILES: Final = tuple(f"{q:.2f}" for q in QUANTILES)
_CANONICAL_QUANTILES: Final = tuple(str(q) for q in QUANTILES)
_MS_PER_S: Final = 1000.0


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
        yield from _workers(stats)
        yield from policy_metrics(stats)
        yield from _original(stats)


def build_registry(statistics: Callable[[], ServiceStats]) -> CollectorRegistry:
    """Return a registry with the service's metrics and those of its process (memory, CPU, open files)."""
    registry = CollectorRegistry()
    registry.register(StatisticsCollector(statistics))
    ProcessCollector(namespace="fastpath", registry=registry)
    return registry


def serve(statistics: Callable[[], ServiceStats]) -> str:
    """Serve the metrics on loopback and return their address, ``http://127.0.0.1:<port>/metrics``.

    The port is in the environment variable ``FASTPATH_PROVER_METRICS_PORT``; 0, the default, takes a free one.

    Raises
    ------
    BadRequest
        If the variable holds no port.
    Unavailable
        If the port is taken.
    """
    port = _port(os.environ.get(PORT_VARIABLE, "0"))
    try:
        server, _ = start_http_server(port, addr=_LOOPBACK, registry=build_registry(statistics))
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
    counters = stats.counters
    yield counter("fastpath_submitted_jobs", "Jobs taken into the queue.", counters.submitted)
    yield counter("fastpath_refused_jobs", "Jobs turned away: queue full, draining, no worker.", counters.refused)
    yield labelled(
        CounterMetricFamily("fastpath_jobs", "Finished jobs by final state.", labels=["state"]),
        {
            ("done",): counters.completed,
            ("failed",): counters.failed,
            ("cancelled",): counters.cancelled,
            ("expired",): counters.expired,
            ("dead-letter",): counters.dead_lettered,
        },
    )
    yield labelled(
        CounterMetricFamily("fastpath_job_retries", "Times a job was queued to run again.", labels=["reason"]),
        {("worker_lost",): counters.requeued, ("error",): counters.retries - counters.requeued},
    )
    yield counter("fastpath_verified_proofs", "Proofs accepted; each was verified first.", counters.verified_proofs)
    yield counter("fastpath_late_results", "Results dropped: their job had finished already.", counters.late_results)


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
    yield labelled(
        GaugeMetricFamily(
            "fastpath_hot_key_jobs", "Jobs of the most used proving keys; an upper bound.", labels=["key_id"]
        ),
        {(hot.key,): hot.count for hot in stats.hot_keys},
    )


def _latency(stats: ServiceStats) -> Iterator[Metric]:
    yield summary(
        "fastpath_job_latency_seconds",
        "From submission to result, waits and retries included.",
        _CANONICAL_QUANTILES,
        [({}, stats.latency)],
        1 / _MS_PER_S,
    )
    yield summary(
        "fastpath_key_latency_seconds",
        "From submission to result, by proving key, for the keys used last.",
        _CANONICAL_QUANTILES,
        [({"key_id": key}, latency) for key, latency in stats.latency_by_key.items()],
        1 / _MS_PER_S,
    )


def _workers(stats: ServiceStats) -> Iterator[Metric]:
    workers = stats.workers

    def of_each(name: str, documentation: str, values: Iterable[float]) -> Metric:
        named: dict[tuple[str, ...], float] = {
            (worker.name,): value for worker, value in zip(workers, values, strict=True)
        }
        return labelled(GaugeMetricFamily(name, documentation, labels=["worker"]), named)

    yield of_each("fastpath_worker_up", "1 while the worker answers.", (w.alive for w in workers))
    yield of_each("fastpath_worker_slots", "Calls the worker takes at once.", (w.slots for w in workers))
    yield of_each("fastpath_worker_in_flight_jobs", "Jobs the worker has.", (w.jobs_in_flight for w in workers))
    yield labelled(
        CounterMetricFamily("fastpath_worker_proofs", "Proofs accepted from the worker.", labels=["worker"]),
        {(worker.name,): worker.completed for worker in workers},
    )
    yield counter("fastpath_worker_losses", "Times a worker died or stopped answering.", stats.counters.worker_losses)


def _original(stats: ServiceStats) -> Iterator[Metric]:
    yield counter("fastpath_txns", "Operations that ran to an end, good or bad.", stats.executed)
    yield summary(
        "fastpath_latency_ms",
        "Milliseconds from arrival to end, waits and retries included.",
        _ORIGINAL_QUANTILES,
        [({}, stats.latency)],
        1.0,
    )
    yield counter("fastpath_retries", "Runs beyond the first of an operation.", stats.retry_count)
    yield gauge("fastpath_queue_length", "Operations that wait for a worker.", stats.queue_length)
