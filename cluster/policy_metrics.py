"""What FastPath's policies do, as metrics: fairness, waste, predictions, conflicts, devices, keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from cluster.metric_families import counter, gauge, labelled, summary
from fastpath.statistics import QUANTILES, ServiceStats
from fastpath.tenants import TenantStats

_QUANTILES: Final = tuple(str(q) for q in QUANTILES)
_S_PER_MS: Final = 1e-3
_STATES: Final = ("submitted", "refused", "completed", "failed", "cancelled", "expired")


def policy_metrics(stats: ServiceStats) -> Iterator[Metric]:
    """Yield every metric family of the policies."""
    yield from _work(stats)
    yield from _tenants(stats.tenants, stats.jain_index)
    yield from _predictions(stats)
    yield from _devices(stats)


def _work(stats: ServiceStats) -> Iterator[Metric]:
    counters = stats.counters
    yield counter("fastpath_repeated_jobs", "Jobs submitted again under an idempotency key.", counters.repeated)
    yield counter("fastpath_hopeless_jobs", "Expired jobs dropped before their deadline.", counters.hopeless)
    yield counter("fastpath_wasted_seconds", "Worker seconds of runs whose result was not used.", counters.wasted_s)
    yield counter("fastpath_call_timeouts", "Calls that gave no answer in time.", counters.timeouts)
    yield gauge("fastpath_blocked_jobs", "Jobs that wait for a conflicting one.", stats.blocked)
    yield gauge("fastpath_promised_places", "Places kept for refused work that will come back.", stats.promises)
    yield labelled(
        CounterMetricFamily("fastpath_run_errors", "Errors of runs, retried ones included.", labels=["error"]),
        {(name,): count for name, count in stats.errors.items()},
    )
    yield summary(
        "fastpath_stage_seconds",
        "Time of completed jobs before their first start and in the worker, for the keys used last.",
        _QUANTILES,
        [
            ({"key_id": key, "stage": stage}, latency)
            for key, stages in stats.latency_by_stage.items()
            for stage, latency in stages.items()
        ],
        _S_PER_MS,
    )


def _tenants(tenants: tuple[TenantStats, ...], jain_index: float) -> Iterator[Metric]:
    yield labelled(
        CounterMetricFamily("fastpath_tenant_jobs", "Jobs of each tenant.", labels=["tenant", "state"]),
        {(tenant.tenant, state): getattr(tenant, state) for tenant in tenants for state in _STATES},
    )
    yield labelled(
        CounterMetricFamily("fastpath_tenant_served_seconds", "Worker seconds of each tenant.", labels=["tenant"]),
        {(tenant.tenant,): tenant.served_s for tenant in tenants},
    )
    yield labelled(
        GaugeMetricFamily("fastpath_tenant_held_jobs", "Unfinished jobs of each tenant.", labels=["tenant"]),
        {(tenant.tenant,): tenant.held for tenant in tenants},
    )
    yield labelled(
        GaugeMetricFamily("fastpath_tenant_backlog_seconds", "Predicted work that waits.", labels=["tenant"]),
        {(tenant.tenant,): tenant.backlog_s for tenant in tenants},
    )
    yield gauge("fastpath_jain_index", "Evenness of the tenants' worker seconds; 1 when even.", jain_index)


def _predictions(stats: ServiceStats) -> Iterator[Metric]:
    yield labelled(
        GaugeMetricFamily(
            "fastpath_forecast_error_ratio",
            "Error of the predicted time to a result, as a share of that time.",
            labels=["quantile"],
        ),
        {(name,): value for name, value in zip(("0.5", "0.95"), stats.forecast_error, strict=True)},
    )
    yield summary(
        "fastpath_decision_seconds",
        "From the arrival of a submission to its acceptance or refusal.",
        _QUANTILES,
        [({}, stats.deciding)],
        _S_PER_MS,
    )
    yield gauge("fastpath_wanted_slots", "Call slots that the work needs, by the scaling advice.", stats.advice.slots)
    yield gauge("fastpath_arriving_work_ratio", "Worker seconds of work that arrive a second.", stats.advice.arriving)


def _devices(stats: ServiceStats) -> Iterator[Metric]:
    workers = stats.workers
    yield counter("fastpath_alarms", "Things an operator had to be told; see the log.", stats.counters.alarms)
    yield counter("fastpath_invalid_proofs", "Proofs made that did not verify.", stats.counters.invalid_proofs)
    yield labelled(
        GaugeMetricFamily("fastpath_worker_call_limit", "Calls its guard allows at once.", labels=["worker"]),
        {(worker.name,): worker.limit for worker in workers},
    )
    yield labelled(
        GaugeMetricFamily("fastpath_worker_threads", "Threads it works with.", labels=["worker"]),
        {(worker.name,): worker.threads for worker in workers if worker.threads},
    )
    yield labelled(
        GaugeMetricFamily("fastpath_worker_wanted_threads", "Threads it should have, by advice.", labels=["worker"]),
        {(worker.name,): worker.wanted_threads for worker in workers if worker.wanted_threads},
    )
    yield labelled(
        GaugeMetricFamily("fastpath_worker_quarantined", "1 until it has given a known answer.", labels=["worker"]),
        {(worker.name,): float(worker.breaker != "closed") for worker in workers},
    )
    yield labelled(
        CounterMetricFamily("fastpath_worker_quarantines", "Times its device was taken out.", labels=["worker"]),
        {(worker.name,): worker.breaker_opened for worker in workers},
    )
    yield labelled(
        GaugeMetricFamily("fastpath_worker_keys", "Proving keys it has at hand.", labels=["worker"]),
        {(worker.name,): worker.keys for worker in workers},
    )
    yield labelled(
        CounterMetricFamily(
            "fastpath_worker_key_uses", "Calls by whether their key was at hand.", labels=["worker", "at_hand"]
        ),
        {
            (worker.name, at_hand): count
            for worker in workers
            for at_hand, count in (("yes", worker.key_hits), ("no", worker.key_misses))
        },
    )
