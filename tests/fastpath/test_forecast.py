import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.decisions import Dispatch
from fastpath.fair_queue import FairQueue, FlowId
from fastpath.forecast import NO_WORKER_S, Forecast
from fastpath.job import Job
from fastpath.workers import WorkerOffer, Workers


def job(number=0, cost_s=1.0, expected_wait_s=0.0, key="k"):
    return Job(
        f"b-{number}",
        "b",
        number,
        key,
        5,
        math.inf,
        0.0,
        number,
        tenant="t",
        cost_s=cost_s,
        expected_wait_s=expected_wait_s,
    )


class Pool:
    def __init__(self, **offers):
        self.queue = FairQueue()
        self.workers = Workers(random.Random(1), lambda _key: 0.0)
        for name, offer in offers.items():
            self.workers.add(name, offer)
        self.forecast = Forecast(self.queue, self.workers)

    def measure(self, seconds, key="k", device="cpu", times=3):
        worker = next(worker for worker in self.workers if worker.offer.device == device)
        jobs = (job(key=key),)
        for _ in range(times):
            self.forecast.measured(Dispatch(0, worker.name, key, jobs, 0.0, 1.0), worker, seconds, 0)

    def occupy(self, *ends):
        for i, end in enumerate(ends):
            self.workers.call_started("w", 1, {})
            self.forecast.call_started(i, "w", end)


def test_the_cost_of_a_mixed_pool_is_the_harmonic_mean():
    pool = Pool(w=WorkerOffer(2), g=WorkerOffer(1, device="cuda"))
    pool.measure(4.0)
    pool.measure(0.1, device="cuda")
    # 2 slots of 4 s and one of 0.1 s do 10.5 jobs a second: 3 slots for 2/7 s each.
    assert pool.forecast.cost_s("k") == pytest.approx(3 / 10.5)
    assert pool.forecast.is_known("k")
    assert not pool.forecast.is_known("other")


def test_only_well_known_costs_are_relied_on():
    pool = Pool(w=WorkerOffer())
    worker = pool.workers.get("w")
    pool.measure(2.0, times=2)
    assert (pool.forecast.allotted_s(worker, "k"), pool.forecast.is_known("k")) == (0.0, False)
    pool.measure(2.0, times=1)
    assert (pool.forecast.allotted_s(worker, "k"), pool.forecast.is_known("k")) == (2.0, True)


def test_work_starts_when_slots_come_free():
    pool = Pool(w=WorkerOffer(3))
    assert pool.forecast.starts_in_s(0.0, 0.0) == 0.0
    assert pool.forecast.starts_in_s(0.0, 6.0) == 2.0
    pool.occupy(4.0, 1.0, 2.0)
    assert pool.forecast.starts_in_s(0.0, 0.0) == 1.0
    assert pool.forecast.starts_in_s(0.0, 1.0) == 2.0  # one slot from 1 s on
    assert pool.forecast.starts_in_s(0.0, 5.0) == 4.0
    assert pool.forecast.starts_in_s(0.0, 8.0) == 5.0
    assert pool.forecast.starts_in_s(10.0, 3.0) == 1.0  # calls that take longer than expected end any moment


@given(st.lists(st.floats(0.0, 50.0), min_size=1, max_size=8), st.floats(0.0, 200.0))
def test_work_starts_when_the_slots_have_done_what_is_ahead(ends, work_s):
    pool = Pool(w=WorkerOffer(len(ends)))
    pool.occupy(*ends)
    at = pool.forecast.starts_in_s(0.0, work_s)
    assert sum(max(0.0, at - end) for end in ends) == pytest.approx(work_s, abs=1e-6)


def test_without_a_worker_it_takes_until_one_is_back():
    pool = Pool(w=WorkerOffer())
    pool.workers.lost("w")
    assert pool.forecast.starts_in_s(0.0, 0.0) == NO_WORKER_S


def test_the_queue_delay_follows_what_waits_once_a_cost_is_known():
    pool = Pool(w=WorkerOffer(2))
    for i in range(40):
        pool.queue.add(job(i, cost_s=2.0))
    assert pool.forecast.queue_delay_s == 0.0
    pool.measure(2.0)
    assert pool.forecast.queue_delay_s == pytest.approx(40.0)


def test_what_waits_is_worth_what_its_like_turned_out_to_cost():
    pool = Pool(w=WorkerOffer(1))
    for i in range(10):
        pool.queue.add(job(i, cost_s=0.1))
    pool.measure(2.0, key="other")
    assert pool.forecast.mean_queued_s == pytest.approx(0.1)
    pool.measure(2.0)
    assert pool.forecast.mean_queued_s == pytest.approx(2.0)
    work = pool.forecast.work_before(0.0, FlowId("t", 0), math.inf, 0.0)
    assert pool.forecast.end_in_s(0.0, work, 2.0) == pytest.approx(22.0)


def test_predictions_learn_from_waits_within_bounds():
    pool = Pool(w=WorkerOffer(1))
    pool.queue.add(job(0, cost_s=10.0))
    work = pool.forecast.work_before(0.0, FlowId("t", 0), math.inf, 0.0)
    before_s = pool.forecast.end_in_s(0.0, work, 1.0)
    for _ in range(100):
        pool.forecast.waited(job(expected_wait_s=10.0), 15.0)
    assert before_s < pool.forecast.end_in_s(0.0, work, 1.0)
    for _ in range(10_000):
        pool.forecast.waited(job(expected_wait_s=1.0), 1e9)
    assert pool.forecast.end_in_s(0.0, work, 1.0) == pytest.approx(2 * (before_s - 1.0) + 1.0)
    started = job(expected_wait_s=10.0)
    started.starts = 1
    for _ in range(100):  # neither retries nor jobs that were to start at once say anything
        pool.forecast.waited(started, 0.0)
        pool.forecast.waited(job(expected_wait_s=0.0), 100.0)
    assert pool.forecast.end_in_s(0.0, work, 1.0) == pytest.approx(2 * (before_s - 1.0) + 1.0)


def test_corrections_do_not_swing_when_waits_answer_to_them_late():
    pool = Pool(w=WorkerOffer(1))
    under_way = []
    factors = []
    for _ in range(2000):  # every wait is half of what is predicted without correction, and is known 100 jobs later
        factor = pool.forecast.wait_factor(0)
        predicted = job(expected_wait_s=10.0 * factor)
        predicted.wait_factor = factor
        under_way.append(predicted)
        if len(under_way) > 100:
            pool.forecast.waited(under_way.pop(0), 5.0)
        factors.append(pool.forecast.wait_factor(0))
    assert min(factors) == pytest.approx(0.5, abs=0.01)
    assert max(factors[500:]) == pytest.approx(0.5, abs=0.01)
    assert pool.forecast.wait_factor(1) == 1.0


def test_a_job_is_given_more_than_its_mean_where_times_vary():
    pool = Pool(w=WorkerOffer(1))
    for seconds in (1.0, 2.0, 1.0, 2.0, 1.0, 2.0):
        pool.measure(seconds, times=1)
    worker = pool.workers.get("w")
    assert pool.forecast.cost_s("k") < 1.8 < pool.forecast.allotted_s(worker, "k") < 3.5
    assert pool.forecast.spread_s("k") == pytest.approx(
        pool.forecast.allotted_s(worker, "k") - pool.forecast.cost_s("k")
    )
    assert pool.forecast.spread_s("other") == 0.0


def test_the_error_of_a_prediction_is_a_share_of_the_time_it_took():
    pool = Pool(w=WorkerOffer(1))
    pool.forecast.finished(job(cost_s=1.0, expected_wait_s=4.0), 10.0)
    assert pool.forecast.errors.quantile(0.5) == pytest.approx(0.5)


def test_a_slot_does_the_part_that_its_speed_is_of_all():
    pool = Pool(g=WorkerOffer(1, device="cuda"), c=WorkerOffer(2))
    gpu, cpu = pool.workers.get("g"), pool.workers.get("c")
    assert pool.forecast.part_of_a_slot(gpu, "k") == pool.forecast.part_of_a_slot(cpu, "k") == pytest.approx(1 / 3)
    for device, seconds in (("cuda", 0.1), ("cpu", 1.0)):
        pool.forecast.costs.measured("k", device, "", seconds)
    assert pool.forecast.part_of_a_slot(gpu, "k") == pytest.approx(10 / 12)
    assert pool.forecast.part_of_a_slot(cpu, "k") == pytest.approx(1 / 12)
    pool.workers.lost("g")
    assert pool.forecast.part_of_a_slot(cpu, "k") == pytest.approx(1 / 2)


def test_what_faster_workers_would_have_done_by_when():
    pool = Pool(g=WorkerOffer(1, device="cuda"), c=WorkerOffer(2))
    everyone = list(pool.workers)

    def done_s(jobs, workers=everyone):
        return pool.forecast.done_by_faster_s(5.0, "k", 0.5, jobs, workers)

    assert done_s(1) == math.inf  # nothing is known
    for device, seconds in (("cuda", 0.1), ("cpu", 1.0)):
        for _ in range(3):
            pool.forecast.costs.measured("k", device, "", seconds)
    assert done_s(10) == pytest.approx(1.0)
    pool.forecast.call_started(0, "g", 7.0)
    assert done_s(10) == pytest.approx(3.0)
    assert done_s(10, everyone[1:]) == math.inf
