import itertools
import math
import random
from collections import Counter

import pytest

from fastpath.cost import Cost
from fastpath.dispatch import MOST_BACKFILLS, MOST_SKIPS, Dispatcher, Plan
from fastpath.fair_queue import FairQueue, FlowId
from fastpath.forecast import Forecast
from fastpath.job import Job
from fastpath.settings import SchedulerSettings
from fastpath.workers import WorkerOffer, Workers


class Bench:
    def __init__(self, seed=1, settings=None, **offers):
        self.queue = FairQueue()
        self.workers = Workers(random.Random(seed), lambda _key: 0.0)
        for name, offer in offers.items():
            self.workers.add(name, offer)
        self.forecast = Forecast(self.queue, self.workers)
        self.dropped = []
        self.numbers = itertools.count()
        rng = random.Random(seed)
        settings = settings or SchedulerSettings()
        self.dispatcher = Dispatcher(settings, self.queue, self.workers, self.forecast, rng, self.drop)

    def drop(self, _now, job):
        self.dropped.append(job)
        self.queue.left(job)

    def know(self, key, seconds, peak_bytes=0, device="cpu"):
        for _ in range(3):
            self.forecast.costs.measured(key, device, "", seconds, peak_bytes)

    def add(self, key="k", deadline=math.inf, **fields):
        number = next(self.numbers)
        made = Job(f"b-{number}", "b", number, key, 5, deadline, 0.0, number, tenant="t", cost_s=1.0)
        for name, value in fields.items():
            setattr(made, name, value)
        self.queue.add(made)
        return made

    def go(self, now=0.0):
        """Carry out the next plan; return (worker, jobs)."""
        plan = self.dispatcher.plan(now)
        if plan is None:
            return None
        group = self.queue.take(plan.flow_id, plan.first, plan.most)
        self.workers.call_started(plan.worker.name, len(group), plan.demand(len(group)))
        plan.worker.keys.use(plan.first.key_id)
        return plan.worker.name, group


def test_nothing_goes_out_without_a_free_worker_or_a_job():
    bench = Bench(w=WorkerOffer(1))
    assert bench.go() is None
    bench.add()
    bench.add(key="l")
    assert bench.go() is not None
    assert bench.go() is None


def test_a_group_lasts_as_long_as_wanted():
    bench = Bench(w=WorkerOffer(1), settings=SchedulerSettings(group_target_s=2.0, max_group=16, first_group=3))
    sizes = {}
    for key, seconds in {"unknown": None, "k": 0.25, "tiny": 0.0, "huge": 60.0}.items():
        if seconds is not None:
            bench.know(key, seconds)
        for _ in range(20):
            bench.add(key)
        _, group = bench.go()
        sizes[key] = len(group)
        bench.workers.call_ended("w", len(group), {})
        while bench.queue and (done := bench.go()):
            bench.workers.call_ended("w", len(done[1]), {})
    assert sizes == {"k": 8, "tiny": 16, "huge": 1, "unknown": 3}


def test_a_group_ends_before_the_deadline_of_its_first_job():
    bench = Bench(w=WorkerOffer(1))
    bench.know("k", 0.25)
    for _ in range(10):
        bench.add(deadline=10.0)
    _, group = bench.go(now=9.0)
    assert len(group) == 4


def test_what_cannot_end_in_time_is_dropped_unless_it_is_a_trial():
    bench = Bench(w=WorkerOffer(2))
    bench.know("k", 5.0)
    late = [bench.add(deadline=4.0) for _ in range(7)]
    good = bench.add(deadline=6.0)
    _, group = bench.go()
    assert bench.dropped == late
    assert group == [good]
    trial = bench.add(deadline=1.0, trial=True)
    assert bench.go()[1] == [trial]


def test_a_worker_that_has_the_key_is_preferred():
    bench = Bench(a=WorkerOffer(64), b=WorkerOffer(64), c=WorkerOffer(64))
    bench.workers.get("b").keys.use("k")
    for _ in range(20):
        bench.add(group_limit=1)
    assert {bench.go()[0] for _ in range(20)} == {"b"}


def test_load_is_even_among_those_that_have_it():
    bench = Bench(**{f"w{i}": WorkerOffer(64) for i in range(8)})
    for worker in bench.workers:
        worker.keys.use("k")
    for _ in range(256):
        bench.add(group_limit=1)
    calls = Counter(bench.go()[0] for _ in range(256))
    assert max(calls.values()) - min(calls.values()) <= 6


def test_a_key_at_hand_goes_first_but_the_first_job_is_passed_a_bounded_number_of_times():
    bench = Bench(w=WorkerOffer(64))
    bench.workers.get("w").keys.use("at hand")
    first = bench.add("cold")
    for _ in range(10):
        bench.add("at hand", group_limit=1)
    order = [bench.go()[1][0] for _ in range(MOST_SKIPS + 1)]
    assert [job.key_id for job in order] == ["at hand"] * MOST_SKIPS + ["cold"]
    assert order[-1] is first


def test_a_job_in_a_hurry_is_not_passed():
    bench = Bench(w=WorkerOffer(64))
    bench.workers.get("w").keys.use("at hand")
    urgent = bench.add("cold", deadline=5.0)
    bench.add("at hand", deadline=6.0)
    assert bench.go()[1] == [urgent]


def test_what_does_not_fit_is_passed_by_what_does_a_bounded_number_of_times():
    bench = Bench(g=WorkerOffer(64, device_bytes=100))
    bench.know("large", 1.0, 80)
    bench.know("small", 1.0, 10)
    bench.add("small", group_limit=1)
    bench.go()
    large = [bench.add("large"), bench.add("large")]
    assert bench.go()[1] == large[:1]
    for _ in range(MOST_BACKFILLS + 5):
        bench.add("small", group_limit=1)
    passed = 0
    while (went := bench.go()) is not None:
        assert went[1][0].key_id == "small"
        bench.workers.call_ended("g", 1, {"device of g": 10})
        passed += 1
    assert passed == MOST_BACKFILLS  # now the memory is kept for it
    bench.workers.call_ended("g", 1, {"device of g": 80})
    assert bench.go()[1] == large[1:]


def test_a_group_takes_no_more_memory_than_there_is():
    bench = Bench(g=WorkerOffer(4, device_bytes=100, parallel=8))
    bench.know("k", 0.001, 30)
    for _ in range(50):
        bench.add()
    assert len(bench.go()[1]) == 3


def test_groups_grow_or_shrink_with_the_peaks_that_were_measured():
    bench = Bench(g=WorkerOffer(1, device_bytes=1 << 30, parallel=256))
    bench.forecast.costs.know_domain("k", 1 << 20)  # so it is taken for 320 MiB
    bench.know("k", 0.001)
    for _ in range(300):
        bench.add()
    sizes = []
    for peak_bytes in (64 << 20, 512 << 20, 4 << 20):
        worker, group = bench.go()
        sizes.append(len(group))
        bench.workers.call_ended(worker, len(group), dict(bench.workers.memory._taken))
        for _ in range(20):
            bench.forecast.costs.measured("k", "cpu", "", 0.001, peak_bytes)
    assert sizes == [3, 16, 2]  # 1 GiB over 320, 64 and 512 MiB
    assert len(bench.go()[1]) > 100


def test_devices_and_workers_that_failed_a_job_are_avoided_if_possible():
    bench = Bench(g=WorkerOffer(8, device="cuda"), c=WorkerOffer(8), d=WorkerOffer(8))
    bench.add("x", avoid_devices=frozenset(["cpu"]))
    bench.add("y", avoid_worker="c", avoid_devices=frozenset(["cuda"]))
    bench.add("z", avoid_devices=frozenset(["cpu", "cuda"]))
    assert [bench.go()[0] for _ in range(2)] == ["g", "d"]
    assert bench.go() is not None


def test_a_much_slower_device_is_left_alone():
    bench = Bench(g=WorkerOffer(8, device="cuda"), c=WorkerOffer(8))
    bench.know("k", 0.1, device="cuda")
    bench.know("k", 5.0)
    for _ in range(6):
        bench.add(group_limit=1)
    assert {bench.go()[0] for _ in range(6)} == {"g"}


def test_a_job_is_left_for_a_busy_worker_that_would_have_done_it_sooner():
    bench = Bench(g=WorkerOffer(1, device="cuda"), c=WorkerOffer(1))
    bench.know("k", 0.1, device="cuda")
    bench.know("k", 5.0)
    bench.add(group_limit=1)
    assert bench.go()[0] == "g"
    bench.forecast.call_started(0, "g", 1.0)
    waiting = [bench.add(group_limit=1) for _ in range(60)]
    assert bench.go() == ("c", waiting[:1])  # the fast one is busy for more than 5 s with the others
    bench.workers.call_ended("c", 1, {})
    for job in waiting[1:30]:
        bench.queue.left(job)
    assert bench.go() is None
    waiting[30].avoid_devices = frozenset(["cuda"])
    assert bench.go() == ("c", waiting[30:31])
    bench.workers.call_ended("c", 1, {})
    bench.workers.lost("g")
    assert bench.go() == ("c", waiting[31:32])


@pytest.mark.parametrize(
    ("cost", "jobs", "timeout_s"),
    [
        (Cost(100.0), 4, 600.0),
        (Cost(0.1, 0.0, 0.0, 3), 4, 60.0),
        (Cost(5.0, 1.0, 0.0, 3), 2, 144.0),
        (Cost(1e6, 0.0, 0.0, 3), 2, 600.0),
    ],
)
def test_timeouts_follow_the_cost_within_bounds(cost, jobs, timeout_s):
    plan = Plan(FlowId("t", 0), None, None, jobs, cost)
    assert plan.timeout_s(jobs, 600.0) == timeout_s
