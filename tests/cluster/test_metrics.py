"""The metrics, as a scraper reads them."""

import math
import os
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cluster.metrics import PORT_VARIABLE, build_registry, serve
from fastpath.errors import BadRequest, Unavailable
from fastpath.exposition import prometheus_text
from fastpath.hot_keys import HotKey
from fastpath.scaling import ScalingAdvice
from fastpath.statistics import Counters, Latency, ServiceStats, WorkerStats
from fastpath.tenants import TenantStats

LATENCY = Latency(count=40, sum_ms=5000.0, p50_ms=100.0, p90_ms=200.0, p95_ms=250.0, p99_ms=400.0, max_ms=450.0)
STATS = ServiceStats(
    executed=40,
    failed=3,
    retry_count=7,
    queue_length=11,
    latency=LATENCY,
    active_s=8.0,
    counters=Counters(
        submitted=60,
        completed=37,
        failed=2,
        cancelled=4,
        expired=5,
        dead_lettered=1,
        refused=6,
        retries=7,
        requeued=3,
        worker_losses=2,
        verified_proofs=37,
        late_results=8,
        repeated=12,
        hopeless=13,
        wasted_s=14.5,
        timeouts=15,
        invalid_proofs=16,
        alarms=17,
    ),
    errors={"device_fault": 18},
    latency_by_stage={"aa": {"queue": LATENCY}},
    tenants=(TenantStats("blue", submitted=19, refused=20, completed=21, served_s=22.5, held=23, backlog_s=24.5),),
    jain_index=0.75,
    forecast_error=(0.125, 0.5),
    blocked=25,
    promises=26,
    advice=ScalingAdvice(slots=27, arriving=2.75),
    deciding=LATENCY,
    in_flight=9,
    held_jobs=20,
    held_bytes=4096,
    max_jobs=1000,
    max_bytes=1 << 20,
    queue_delay_s=1.5,
    congestion=2.25,
    latency_by_key={"aa": LATENCY},
    hot_keys=(HotKey("aa", 55, 2),),
    workers=(
        WorkerStats("cpu-0", True, 2, 1, 9, 30, 2, 1, "open", 3, 5, 6, 7, 8, 4),
        WorkerStats("cpu-1", False, 2, 0, 0, 7, 0),
    ),
    draining=True,
    uptime_s=99.5,
)


VAULT = {"table_bytes": {"n0": 28}, "table_bytes_limit": {"n0": 29}, "tables_made": 30}


def samples(text):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(stats):
    return samples(generate_latest(build_registry(lambda: stats, lambda: VAULT)).decode())


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("fastpath_submitted_jobs_total", {}, 60),
        ("fastpath_refused_jobs_total", {}, 6),
        ("fastpath_jobs_total", {"state": "done"}, 37),
        ("fastpath_jobs_total", {"state": "failed"}, 2),
        ("fastpath_jobs_total", {"state": "cancelled"}, 4),
        ("fastpath_jobs_total", {"state": "expired"}, 5),
        ("fastpath_jobs_total", {"state": "dead-letter"}, 1),
        ("fastpath_job_retries_total", {"reason": "worker_lost"}, 3),
        ("fastpath_job_retries_total", {"reason": "error"}, 4),
        ("fastpath_verified_proofs_total", {}, 37),
        ("fastpath_late_results_total", {}, 8),
        ("fastpath_queue_jobs", {}, 11),
        ("fastpath_in_flight_jobs", {}, 9),
        ("fastpath_held_jobs", {}, 20),
        ("fastpath_held_jobs_limit", {}, 1000),
        ("fastpath_held_bytes", {}, 4096),
        ("fastpath_held_bytes_limit", {}, 1 << 20),
        ("fastpath_queue_delay_seconds", {}, 1.5),
        ("fastpath_congestion_level", {}, 2.25),
        ("fastpath_draining", {}, 1),
        ("fastpath_uptime_seconds", {}, 99.5),
        ("fastpath_hot_key_jobs", {"key_id": "aa"}, 55),
        ("fastpath_job_latency_seconds", {"quantile": "0.5"}, 0.1),
        ("fastpath_job_latency_seconds", {"quantile": "0.9"}, 0.2),
        ("fastpath_job_latency_seconds", {"quantile": "0.95"}, 0.25),
        ("fastpath_job_latency_seconds", {"quantile": "0.99"}, 0.4),
        ("fastpath_job_latency_seconds_sum", {}, 5.0),
        ("fastpath_job_latency_seconds_count", {}, 40),
        ("fastpath_key_latency_seconds", {"key_id": "aa", "quantile": "0.99"}, 0.4),
        ("fastpath_key_latency_seconds_count", {"key_id": "aa"}, 40),
        ("fastpath_worker_up", {"worker": "cpu-0"}, 1),
        ("fastpath_worker_up", {"worker": "cpu-1"}, 0),
        ("fastpath_worker_slots", {"worker": "cpu-0"}, 2),
        ("fastpath_worker_in_flight_jobs", {"worker": "cpu-0"}, 9),
        ("fastpath_worker_proofs_total", {"worker": "cpu-1"}, 7),
        ("fastpath_worker_losses_total", {}, 2),
        ("fastpath_repeated_jobs_total", {}, 12),
        ("fastpath_hopeless_jobs_total", {}, 13),
        ("fastpath_wasted_seconds_total", {}, 14.5),
        ("fastpath_call_timeouts_total", {}, 15),
        ("fastpath_invalid_proofs_total", {}, 16),
        ("fastpath_alarms_total", {}, 17),
        ("fastpath_run_errors_total", {"error": "device_fault"}, 18),
        ("fastpath_tenant_jobs_total", {"tenant": "blue", "state": "submitted"}, 19),
        ("fastpath_tenant_jobs_total", {"tenant": "blue", "state": "refused"}, 20),
        ("fastpath_tenant_jobs_total", {"tenant": "blue", "state": "completed"}, 21),
        ("fastpath_tenant_served_seconds_total", {"tenant": "blue"}, 22.5),
        ("fastpath_tenant_held_jobs", {"tenant": "blue"}, 23),
        ("fastpath_tenant_backlog_seconds", {"tenant": "blue"}, 24.5),
        ("fastpath_jain_index", {}, 0.75),
        ("fastpath_forecast_error_ratio", {"quantile": "0.5"}, 0.125),
        ("fastpath_forecast_error_ratio", {"quantile": "0.95"}, 0.5),
        ("fastpath_blocked_jobs", {}, 25),
        ("fastpath_promised_places", {}, 26),
        ("fastpath_wanted_slots", {}, 27),
        ("fastpath_arriving_work_ratio", {}, 2.75),
        ("fastpath_decision_seconds", {"quantile": "0.99"}, 0.4),
        ("fastpath_stage_seconds", {"key_id": "aa", "stage": "queue", "quantile": "0.5"}, 0.1),
        ("fastpath_worker_call_limit", {"worker": "cpu-0"}, 1),
        ("fastpath_worker_threads", {"worker": "cpu-0"}, 8),
        ("fastpath_worker_wanted_threads", {"worker": "cpu-0"}, 4),
        ("fastpath_worker_quarantined", {"worker": "cpu-0"}, 1),
        ("fastpath_worker_quarantined", {"worker": "cpu-1"}, 0),
        ("fastpath_worker_quarantines_total", {"worker": "cpu-0"}, 3),
        ("fastpath_worker_keys", {"worker": "cpu-0"}, 5),
        ("fastpath_worker_key_uses_total", {"worker": "cpu-0", "at_hand": "yes"}, 6),
        ("fastpath_worker_key_uses_total", {"worker": "cpu-0", "at_hand": "no"}, 7),
        ("fastpath_txns_total", {}, 40),
        ("fastpath_latency_ms", {"quantile": "0.50"}, 100),
        ("fastpath_latency_ms", {"quantile": "0.90"}, 200),
        ("fastpath_latency_ms", {"quantile": "0.95"}, 250),
        ("fastpath_latency_ms", {"quantile": "0.99"}, 400),
        ("fastpath_latency_ms_sum", {}, 5000),
        ("fastpath_latency_ms_count", {}, 40),
        ("fastpath_retries_total", {}, 7),
        ("fastpath_queue_length", {}, 11),
        ("fastpath_table_bytes", {"node": "n0"}, 28),
        ("fastpath_table_bytes_limit", {"node": "n0"}, 29),
        ("fastpath_made_tables_total", {}, 30),
    ],
)
def test_every_figure_is_exported(name, labels, value):
    assert scraped(STATS)[name, tuple(sorted(labels.items()))] == pytest.approx(value)


def test_original_names_are_those_of_the_executor():
    """Whoever reads one exposition can read the other: same names, labels and values."""
    exported = scraped(STATS)
    for key, value in samples(prometheus_text(STATS)).items():
        assert exported[key] == pytest.approx(value)


def test_no_name_is_exported_twice():
    families = [family.name for family in build_registry(lambda: STATS, lambda: VAULT).collect()]
    assert len(families) == len(set(families))


def test_every_metric_is_documented_and_has_its_prefix():
    listed = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for family in build_registry(lambda: STATS, lambda: VAULT).collect():
        assert family.documentation in listed
        assert f"`{family.name}" in listed
        assert family.name.startswith("fastpath_")


def test_what_a_worker_does_not_say_is_not_exported():
    of_workers = {name for name, labels in scraped(STATS) if ("worker", "cpu-1") in labels}
    assert "fastpath_worker_up" in of_workers
    assert not {"fastpath_worker_threads", "fastpath_worker_wanted_threads"} & of_workers


def test_quantiles_of_nothing_are_not_zero():
    empty = scraped(ServiceStats())
    assert math.isnan(empty["fastpath_latency_ms", (("quantile", "0.50"),)])
    assert math.isnan(empty["fastpath_job_latency_seconds", (("quantile", "0.5"),)])
    assert empty["fastpath_latency_ms_count", ()] == 0


def test_a_scrape_reads_the_statistics_once():
    calls = []
    registry = build_registry(lambda: calls.append(1) or STATS)
    generate_latest(registry)
    assert len(calls) == 1


def test_a_vault_that_does_not_answer_leaves_the_other_figures():
    exported = samples(generate_latest(build_registry(lambda: STATS, dict)).decode())
    assert exported["fastpath_txns_total", ()] == 40
    assert not any("table" in name for name, _ in exported)


def test_served_on_loopback(monkeypatch):
    monkeypatch.delenv(PORT_VARIABLE, raising=False)
    monkeypatch.setattr("cluster.metrics.vault_health", lambda namespace: VAULT if namespace == "ours" else {})
    address = serve(lambda: STATS, "ours")
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - loopback
        shown = samples(answer.read().decode())
    assert (shown["fastpath_txns_total", ()], shown["fastpath_made_tables_total", ()]) == (40, 30)
    monkeypatch.setenv(PORT_VARIABLE, address.rsplit(":", 1)[1].split("/")[0])
    with pytest.raises(Unavailable, match=PORT_VARIABLE):
        serve(lambda: STATS, "ours")


@pytest.mark.parametrize("given", ["", "-1", "65536", "http", "٣", "1.5"])
def test_wrong_port_is_refused(monkeypatch, given):
    monkeypatch.setattr(os, "environ", {PORT_VARIABLE: given})  # the real one takes only what the locale can write
    with pytest.raises(BadRequest, match="65535"):
        serve(lambda: STATS, "ours")
