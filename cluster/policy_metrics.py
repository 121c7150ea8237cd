"""What FastPath's policies do, as metrics: fairness, waste, predictions, conflicts, alarms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import Metric

from cluster.metric_families import counter, counters, gauge, gauges, summaries, summary
from fastpath.statistics import ServiceStats
from fastpath.tenants import TenantStats

_STATES: Final = ("submitted", "refused", "completed", "failed", "cancelled", "expired")


def policy_metrics(stats: ServiceStats) -> Iterator[Metric]:
    """Yield every metric family of the policies."""
    yield from _work(stats)
    yield from _tenants(stats.tenants, stats.jain_index)
    yield from _predictions(stats)
    yield counter("fastpath_alarms", "Things an operator had to be told; see the log.", stats.counters.alarms)
    yield counter("fastpath_invalid_proofs", "Proofs made that did not verify.", stats.counters.invalid_proofs)


def _work(stats: ServiceStats) -> Iterator[Metric]:
    counts = stats.counters
    yield counter("fastpath_repeated_jobs", "Jobs submitted again under an idempotency key.", counts.repeated)
    yield counter("fastpath_hopeless_jobs", "Expired jobs dropped before their deadline.", counts.hopeless)
    yield counter("fastpath_wasted_seconds", "Worker seconds of runs whose result was not used.", counts.wasted_s)
    yield counter("fastpath_call_timeouts", "Calls that gave no answer in time.", counts.timeouts)
    yield gauge("fastpath_blocked_jobs", "Jobs that wait for a conflicting one.", stats.blocked)
    yield gauge("fastpath_promised_places", "Places kept for refused work that will come back.", stats.promises)
    yield counters("fastpath_run_errors", "Errors of runs, retried ones included.", "error", stats.errors)
    stages = {(key, stage): time for key, times in stats.latency_by_stage.items() for stage, time in times.items()}
    yield summaries(
        "fastpath_stage_seconds",
        "Time of completed jobs before their first start and in the worker, for the keys used last.",
        ("key_id", "stage"),
        stages,
    )


def _tenants(tenants: tuple[TenantStats, ...], jain_index: float) -> Iterator[Metric]:
    jobs = {(tenant.tenant, state): getattr(tenant, state) for tenant in tenants for state in _STATES}
    served = {tenant.tenant: tenant.served_s for tenant in tenants}
    held = {tenant.tenant: tenant.held for tenant in tenants}
    backlog = {tenant.tenant: tenant.backlog_s for tenant in tenants}
    yield counters("fastpath_tenant_jobs", "Jobs of each tenant.", ("tenant", "state"), jobs)
    yield counters("fastpath_tenant_served_seconds", "Worker seconds of each tenant.", "tenant", served)
    yield gauges("fastpath_tenant_held_jobs", "Unfinished jobs of each tenant.", "tenant", held)
    yield gauges("fastpath_tenant_backlog_seconds", "Predicted work that waits.", "tenant", backlog)
    yield gauge("fastpath_jain_index", "Evenness of the tenants' worker seconds; 1 when even.", jain_index)


def _predictions(stats: ServiceStats) -> Iterator[Metric]:
    yield gauges(
        "fastpath_forecast_error_ratio",
        "Error of the predicted time to a result, as a share of that time.",
        "quantile",
        dict(zip(("0.5", "0.95"), stats.forecast_error, strict=True)),
    )
    yield summary(
        "fastpath_decision_seconds", "From the arrival of a submission to its acceptance or refusal.", stats.deciding
    )
    yield gauge("fastpath_wanted_slots", "Call slots that the work needs, by the scaling advice.", stats.advice.slots)
    yield gauge("fastpath_arriving_work_ratio", "Worker seconds of work that arrive a second.", stats.advice.arriving)
