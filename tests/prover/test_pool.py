import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from prover.errors import BadInput
from prover.pool import (
    PoolStats,
    ProverPool,
    _os_name,
    default_pool,
    get_pool_stats,
    threads_from_environment,
)


@pytest.mark.parametrize(
    "given", ["0", "-1", "abc", "2.5", " 4x", " 4", "4 ", "", "+4", "04", "1025", "99999", "٤", "1e1"]
)
def test_a_wrong_number_of_threads_is_refused(monkeypatch, given):
    monkeypatch.setattr(os, "environ", {"PROVER_THREADS": given})  # the real one takes only what the locale can write
    with pytest.raises(BadInput) as caught:
        threads_from_environment()
    for part in ("PROVER_THREADS", repr(given), "1 to 1024"):
        assert part in str(caught.value)
    with pytest.raises(BadInput):
        ProverPool()


@pytest.mark.parametrize("given", ["1", "7", "1024"])
def test_the_environment_sets_the_number_of_threads(monkeypatch, given):
    monkeypatch.setenv("PROVER_THREADS", given)
    assert threads_from_environment() == int(given)


def test_the_default_is_the_usable_cpus(monkeypatch):
    monkeypatch.delenv("PROVER_THREADS", raising=False)
    assert threads_from_environment() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("wrong", [0, -1, 1025, 2.0, "4", True])
def test_a_pool_refuses_a_wrong_number_of_threads(wrong):
    with pytest.raises(BadInput, match="1 to 1024"):
        ProverPool(wrong)


def test_threads_are_named_in_python_and_in_the_kernel():
    barrier = threading.Barrier(3)

    def names():
        barrier.wait(5)
        comm = Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text(encoding="utf-8").strip()
        return threading.current_thread().name, comm

    with ProverPool(3) as pool:
        seen = {future.result() for future in [pool.submit(names) for _ in range(3)]}
    assert seen == {(f"prover-worker-{i}", f"prover-worker-{i}") for i in range(3)}


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "prover-worker-0"), (12, "prover-worker12"), (123, "prover-worke123"), (1023, "prover-work1023")],
)
def test_names_too_long_for_linux_keep_their_number(number, name):
    assert _os_name(number) == name


def test_statistics_count_every_completed_task():
    with ProverPool(2) as pool:
        assert pool.stats() == PoolStats(0, 0.0)
        failing = pool.submit(lambda: 1 // 0)
        for future in [pool.submit(time.sleep, 0.02) for _ in range(3)]:
            future.result()
        assert isinstance(failing.exception(), ZeroDivisionError)
        stats = pool.stats()
    assert stats.tasks == 4
    assert 15 <= stats.average_ms < 200


def test_work_that_is_no_task_counts_neither_as_one_nor_as_time():
    with ProverPool(1) as pool:
        pool.submit_together(0, lambda: time.sleep(0.05)).result()
        assert pool.stats() == PoolStats(0, 0.0)
        pool.submit(int).result()
        assert pool.stats().tasks == 1
        assert pool.stats().average_ms < 50


def test_threads_are_reused():
    with ProverPool(2) as pool:
        seen = {pool.submit(threading.get_native_id).result() for _ in range(10)}
    assert len(seen) <= 2


def test_a_closed_pool_takes_nothing():
    pool = ProverPool(1)
    running = pool.submit(time.sleep, 0.02)
    pool.close()
    assert running.done()
    with pytest.raises(RuntimeError):
        pool.submit(time.sleep, 0)


def test_the_default_pool_is_one_and_has_statistics():
    before = get_pool_stats().tasks
    assert default_pool() is default_pool()
    default_pool().submit(int).result()
    assert get_pool_stats().tasks == before + 1


def test_asking_for_statistics_starts_nothing():
    program = (
        "import threading, prover\n"
        "assert prover.get_pool_stats() == prover.PoolStats(0, 0.0)\n"
        "assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_a_forked_child_gets_its_own_pool():
    default_pool().submit(int).result()
    child = os.fork()
    if not child:
        os._exit(0 if default_pool().submit(int).result(5) == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
