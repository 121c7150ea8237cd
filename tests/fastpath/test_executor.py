import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fastpath.congestion import Congestion
from fastpath.errors import BadRequest, DeadlineExceeded, Overloaded
from fastpath.executor import FastPathExecutor
from fastpath.retry import RetryBudget, RetryPolicy


class Time:
    """A clock that only sleeping and working advance."""

    def __init__(self):
        self.now = 100.0
        self.slept = []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def work(self, seconds, error=None):
        self.now += seconds
        if error is not None:
            raise error
        return "done"


@pytest.fixture
def virtual():
    return Time()


def executor(virtual, **options):
    options = {"retryable_errors": (ConnectionError,)} | options
    return FastPathExecutor(clock=virtual.clock, sleep=virtual.sleep, rng=random.Random(1), **options)


def failing(virtual, times, error, seconds=0.1):
    errors = [error] * times
    return lambda: virtual.work(seconds, errors.pop() if errors else None)


def test_results_and_errors_pass_through_and_are_counted(virtual):
    fast = executor(virtual)
    assert fast.execute(virtual.work, 0.2) == "done"
    error = KeyError("k")
    with pytest.raises(KeyError) as raised:
        fast.execute(virtual.work, 0.4, error)
    assert raised.value is error
    stats = fast.stats()
    assert (stats.executed, stats.failed, stats.retry_count, stats.queue_length) == (2, 1, 0, 0)
    assert stats.success_rate() == 0.5
    assert stats.latency.sum_ms == pytest.approx(600)
    assert stats.active_s == pytest.approx(0.6)


def test_only_retryable_errors_are_retried(virtual):
    fast = executor(virtual)
    assert fast.execute_with_retry(failing(virtual, 3, ConnectionError())) == "done"
    assert (fast.stats().retry_count, len(virtual.slept)) == (3, 3)
    for error in (ValueError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fast.execute_with_retry(failing(virtual, 1, error))
    with pytest.raises(ConnectionError):
        fast.execute(failing(virtual, 1, ConnectionError()))
    assert fast.stats().retry_count == 3
    assert fast.stats().failed == 3
    assert fast.execute(virtual.work, 0.1) == "done"  # no slot was lost on the way


def test_an_error_may_say_itself_that_it_is_retryable(virtual):
    error = ValueError()
    error.retryable = True
    assert executor(virtual, retryable_errors=()).execute_with_retry(failing(virtual, 1, error)) == "done"


def test_attempts_are_capped_and_the_last_error_is_the_real_one(virtual):
    fast = executor(virtual, retry=RetryPolicy(attempts=3))
    with pytest.raises(ConnectionError, match="cable"):
        fast.execute_with_retry(failing(virtual, 99, ConnectionError("cable")))
    assert fast.stats().retry_count == 2


def test_waits_follow_the_measured_service_time(virtual):
    fast = executor(virtual, retry=RetryPolicy(attempts=2), budget=RetryBudget(1.0, 1_000))
    fast.execute(virtual.work, 4.0)
    for _ in range(200):
        with pytest.raises(ConnectionError):
            fast.execute_with_retry(failing(virtual, 2, ConnectionError()))
    assert max(virtual.slept) <= 4.0
    assert max(virtual.slept) > 3.5
    assert min(virtual.slept) < 0.5


def test_no_retry_starts_that_cannot_end_before_the_deadline(virtual):
    fast = executor(virtual)
    fast.execute(virtual.work, 4.0)
    with pytest.raises(ConnectionError):
        fast.execute_with_retry(failing(virtual, 1, ConnectionError(), seconds=4.0), deadline_s=7.0)
    assert virtual.slept == []


def test_retries_are_bounded_by_the_budget(virtual):
    fast = executor(virtual, budget=RetryBudget(0.1, 2))
    for _ in range(100):
        with pytest.raises(ConnectionError):
            fast.execute_with_retry(failing(virtual, 9, ConnectionError()))
    assert fast.stats().retry_count <= 12


def test_a_hopeless_deadline_is_refused_at_once_under_congestion_control(virtual):
    fast = executor(virtual)
    fast.execute(virtual.work, 5.0)
    ran = []
    with pytest.raises(Overloaded):
        fast.execute_with_congestion_control(ran.append, 1, deadline_s=4.0)
    assert ran == []
    assert fast.execute_with_congestion_control(virtual.work, 0.1, deadline_s=6.0) == "done"
    assert fast.execute_with_congestion_control(failing(virtual, 1, ConnectionError())) == "done"


@pytest.mark.parametrize("deadline_s", [0, -1.0, float("nan"), float("inf")])
def test_deadlines_that_are_no_durations_are_refused(virtual, deadline_s):
    with pytest.raises(BadRequest, match="deadline_s"):
        executor(virtual).execute(virtual.work, 1.0, deadline_s=deadline_s)


def test_hot_keys_are_tracked_and_reset(virtual):
    fast = executor(virtual)
    for key in "abacab":
        fast.track_key_access(key)
    assert [(hot.key, hot.count) for hot in fast.get_hot_keys(2)] == [("a", 3), ("b", 2)]
    fast.reset_hot_keys()
    assert fast.get_hot_keys() == []


def test_the_exported_figures_are_those_of_the_statistics(virtual):
    fast = executor(virtual)
    fast.execute(virtual.work, 0.25)
    samples = {
        (sample.name, sample.labels.get("quantile")): sample.value
        for family in text_string_to_metric_families(fast.export_prometheus("svc"))
        for sample in family.samples
    }
    assert samples["svc_txns_total", None] == 1
    assert samples["svc_latency_ms", "0.99"] == fast.stats().p99_ms
    assert samples["svc_latency_ms_sum", None] == pytest.approx(250)


def wait_until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_the_queue_is_measured_bounded_and_recovers():
    fast = FastPathExecutor(concurrency=2, max_waiting=6, congestion=Congestion(threshold=3))
    gate = threading.Event()
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(fast.execute, gate.wait) for _ in range(8)]
        wait_until(lambda: fast.stats().queue_length == 6)
        assert fast.is_congested()
        assert fast.congestion_multiplier() == 2.0
        with pytest.raises(Overloaded):
            fast.execute(gate.wait)
        gate.set()
        assert all(job.result(10) for job in jobs)
    assert fast.stats().queue_length == 0
    assert not fast.is_congested()
    assert fast.stats().executed == 8


def test_an_operation_whose_slot_comes_too_late_is_not_run():
    fast = FastPathExecutor(concurrency=1)
    gate, ran = threading.Event(), []
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(fast.execute, gate.wait)
        time.sleep(0.02)
        with pytest.raises(DeadlineExceeded):
            fast.execute(ran.append, 1, deadline_s=0.02)
        gate.set()
        job.result(10)
    assert ran == []
    assert fast.stats().executed == 1


def test_a_thread_that_waits_for_a_retry_holds_no_slot():
    ran = []
    fast = FastPathExecutor(
        concurrency=1, retryable_errors=(ConnectionError,), sleep=lambda _s: fast.execute(ran.append, 1)
    )
    errors = [ConnectionError()]

    def once():
        if errors:
            raise errors.pop()

    fast.execute_with_retry(once)
    assert ran == [1]


def test_many_threads_count_exactly():
    fast = FastPathExecutor(concurrency=4, retryable_errors=(ConnectionError,))
    failed = set()

    def work(i):
        if i % 20 == 0 and i not in failed:
            failed.add(i)
            raise ConnectionError

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: fast.execute_with_retry(work, i), range(2_000)))
    stats = fast.stats()
    assert (stats.executed, stats.failed, stats.retry_count, stats.latency.count) == (2_000, 0, 100, 2_000)


def test_errors_are_counted_by_what_they_are_retried_ones_included(virtual):
    fast = executor(virtual)
    assert fast.execute_with_retry(failing(virtual, 2, ConnectionError())) == "done"
    with pytest.raises(KeyError):
        fast.execute(virtual.work, 0.1, KeyError())
    stats = fast.stats()
    assert stats.errors == {"ConnectionError": 2, "KeyError": 1}
    assert "ConnectionError 2" in stats.summary()


def test_accesses_of_keys_fade(virtual):
    fast = executor(virtual)
    for _ in range(8):
        fast.track_key_access("old")
    virtual.now += 1800.0
    for _ in range(2):
        fast.track_key_access("new")
    assert [(hot.key, round(hot.count)) for hot in fast.get_hot_keys(2)] == [("new", 2), ("old", 1)]
