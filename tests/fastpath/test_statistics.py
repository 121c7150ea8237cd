import pickle

import pytest

from fastpath.latency_recorder import LatencyRecorder
from fastpath.statistics import FastPathStats, Latency


def recorder():
    record = LatencyRecorder()
    record.arrived(10.0)
    for i in range(1, 101):
        record.ended(10.0 + i / 10, i / 1000, "even" if i % 2 == 0 else "odd")
    return record


def test_the_figures_are_those_of_what_ran():
    record = recorder()
    stats = FastPathStats(
        executed=100, failed=4, retry_count=5, queue_length=3, latency=record.latency, active_s=record.active_s
    )
    assert stats.retry_rate() == 0.05
    assert stats.success_rate() == 0.96
    assert stats.estimated_tps() == pytest.approx(10.0)
    assert stats.average_latency_ms == pytest.approx(50.5)
    for answer, exact in [(stats.p50_ms, 50), (stats.p90_ms, 90), (stats.p95_ms, 95), (stats.p99_ms, 99)]:
        assert answer == pytest.approx(exact, rel=0.0101)
    assert stats.latency.max_ms == 100
    for figure in ("executed 100", "failed 4", "10.0/s", "retries  5 (5.00%)", "queue length 3"):
        assert figure in stats.summary()
    assert pickle.loads(pickle.dumps(stats)) == stats  # noqa: S301 - our own bytes


def test_nothing_has_run_yet():
    stats = FastPathStats()
    assert (stats.retry_rate(), stats.success_rate(), stats.estimated_tps()) == (0.0, 1.0, 0.0)
    assert stats.latency == Latency()
    assert "executed 0" in stats.summary()
