"""What an operator reads."""

import io

import pytest

from cluster.commands.status import _text
from cluster.rendering import Console
from cluster.service import ServiceInfo
from fastpath.scaling import ScalingAdvice
from fastpath.statistics import Counters, Latency, ServiceStats, WorkerStats

INFO = ServiceInfo(address="127.0.0.1:6479", namespace="n", metrics_address="http://127.0.0.1:9410/metrics")
WORKER = {"name": "prover-worker-0", "alive": True, "completed": 1, "jobs_in_flight": 0, "losses": 1}
HEALTH = {"backend": "portable", "threads": 2, "pid": 7}
KEY = {"key_id": "ab" * 32, "names": (), "loaded": True, "circuit": "multiply", "parameters": {}, "curve": "bn254"}


def shown(stats=None, workers=(), keys=()):
    console = Console(as_json=False, out=io.StringIO(), log=io.StringIO())
    return _text(console, INFO, stats or ServiceStats(), list(workers), list(keys))


def test_a_new_service():
    text = shown()
    assert "nothing measured yet" in text
    assert "none yet" in text
    assert INFO.metrics_address in text


def test_a_busy_service():
    latency = Latency(5, 5000.0, 900.0, 1200.0, 1300.0, 1400.0, 1500.0)
    counters = Counters(completed=5, expired=2, cancelled=1, refused=4, requeued=1)
    stats = ServiceStats(queue_length=1200, queue_delay_s=3.0, retry_count=2, latency=latency, counters=counters)
    text = shown(stats)
    for part in (
        "1,200 (a new one waits about 3.00 s)",
        "expired 2, cancelled 1, refused 4",
        "p50 900 ms",
        "p99 1.40 s",
    ):
        assert part in text


def test_workers():
    assert "portable, 2 threads, pid 7, 1 proof, 0 jobs now, lost 1 time" in shown(workers=[{**WORKER, **HEALTH}])
    assert "does not answer" in shown(workers=[{**WORKER, "alive": False}])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(1, ", 1 thread would do as much"), (2, "lost 1 time\n"), (4, ", 4 threads may do more"), (0, "lost 1 time\n")],
)
def test_advice_on_threads(wanted, expected):
    assert expected in shown(workers=[{**WORKER, **HEALTH, "wanted_threads": wanted}])


def test_advice_on_calls():
    stats = ServiceStats(advice=ScalingAdvice(slots=12), workers=(WorkerStats("w", True, 2, 0, 0, 0, 0),) * 2)
    assert "12 calls at once for what arrives; the workers take 4" in shown(stats)


def test_a_draining_service_says_so():
    assert "The service is draining" in shown(ServiceStats(draining=True))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"constraints": 1, "development": True}, "multiply on bn254, 1 constraint, in memory, development setup"),
        ({"constraints": 2, "development": False, "names": ("a", "b")}, "  a, b, multiply on bn254, 2 constraints"),
        ({"constraints": 2, "development": False, "circuit": "", "names": ("a",)}, "  a on bn254, 2 constraints"),
        ({"constraints": 2, "development": False, "circuit": ""}, "  unnamed on bn254, 2 constraints"),
        ({"error": "truncated"}, "damaged: truncated"),
    ],
)
def test_keys(more, expected):
    assert expected in shown(keys=[{**KEY, **more}])


def test_shared_tables_are_told_by_key_and_by_node():
    more = {"constraints": 2, "development": False}
    first = {**KEY, **more, "table_bytes": {"n1" * 28: 2 << 20, "n2" * 28: 1 << 20}}
    second = {**KEY, **more, "key_id": "cd" * 32, "table_bytes": {"n1" * 28: 3 << 20}}
    text = shown(keys=[first, second])
    assert "in memory, 3.0 MiB of shared tables\n" in text
    assert "node n1n1n1n1n1n   5.0 MiB of shared tables\n" in text
    assert "node n2n2n2n2n2n   1.0 MiB of shared tables" in text
    assert "node" not in shown(keys=[{**KEY, **more, "table_bytes": {}}])
