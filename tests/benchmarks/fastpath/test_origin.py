"""The origin's policy is what its description says, faults included."""

import math

import pytest

from benchmarks.fastpath import origin, workloads
from benchmarks.fastpath.contenders import IMPROVEMENTS, run
from benchmarks.fastpath.policy import Call, Fault, Run


@pytest.mark.parametrize(
    ("queue", "multiplier"),
    [(0, 1), (500, 1), (1000, 1), (1500, 1), (2000, 2), (5000, 5), (9999, 9), (10_000, 10), (10**6, 10)],
)
def test_the_delay_is_multiplied_by_the_queue_over_its_threshold(queue, multiplier):
    assert origin.retry_delay_s(1, queue) == pytest.approx(0.001 * multiplier)
    assert origin.retry_delay_s(4, queue) == pytest.approx(0.008 * multiplier)
    assert origin.retry_delay_s(20, queue) == multiplier


def test_quantiles_are_bounds_of_buckets():
    assert origin.histogram_quantile([2.0] * 100, 0.5) == 5.0  # 150 % off
    assert origin.histogram_quantile([0.01] * 100, 0.99) == 1.0
    assert origin.histogram_quantile([1500.0] * 100, 0.5) == math.inf
    assert origin.histogram_quantile([2.0] * 98 + [70.0] * 2, 0.99) == 100.0


def test_a_worker_sleeps_before_it_tries_again_whatever_the_error_was():
    trace = workloads.steady(1, 0.5, 10)
    policy = origin.OriginPolicy(trace)
    for job in range(9):
        policy.submit(0.0, job, trace.requests[0])
    calls = policy.tick(0.0).calls
    assert len(calls) == 8
    assert policy.queue_length() == 1
    failed = calls[0]
    policy.ended(1.0, failed, [Run(failed.jobs[0], 1.0, 0, Fault.INVALID)])
    orders = policy.tick(1.0)
    assert orders.calls == []  # one job waits, and the only worker that has nothing to do sleeps
    assert orders.next_event_s == pytest.approx(1.001)
    (again,) = policy.tick(1.002).calls
    assert isinstance(again, Call)
    assert (again.prover, again.jobs) == (failed.prover, failed.jobs)


def test_it_never_recovers_from_two_minutes_of_overload_until_expired_work_is_dropped():
    trace = workloads.burst(1, after_s=300.0)
    recoveries = {
        name: run(trace, IMPROVEMENTS[name]).recovery_s(trace.marks["end"])
        for name in ("origin", "+ full jitter", "+ expired work is dropped")
    }
    assert recoveries["origin"] == recoveries["+ full jitter"] == math.inf
    assert recoveries["+ expired work is dropped"] < math.inf
