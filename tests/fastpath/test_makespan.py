"""A batch on fast and slow workers: all work to the end, and the batch is done about when it can be."""

import heapq
import itertools
import random

import pytest

from fastpath.decisions import Outcome
from fastpath.scheduler import Scheduler
from fastpath.settings import SchedulerSettings
from fastpath.submission import Submission
from fastpath.workers import WorkerOffer

CALL_S = 0.001


class Fleet:
    """Workers that take so many seconds a job, each one call at a time, jobs one after the other."""

    def __init__(self, seed=1, **seconds):
        self.seconds = seconds
        self.target = Scheduler(SchedulerSettings(), random.Random(seed))
        self.calls = []
        self.order = itertools.count()
        self.busy_s = dict.fromkeys(seconds, 0.0)
        self.jobs = dict.fromkeys(seconds, 0)
        self.now = 0.0
        for name in seconds:
            device = name.rstrip("0123456789")
            together = {"parallel": 256, "fewest": 8} if device == "gpu" else {}
            self.target.add_worker(name, WorkerOffer(1, device=device, **together))

    def run(self, count):
        """Prove a batch; return how long it took."""
        began = self.now
        batch_id = f"B{next(self.order)}"
        self.target.submit(self.now, batch_id, Submission(key_id="k", count=count, item_bytes=1))
        while not self.target.finished(batch_id):
            for call in self.target.tick(self.now).dispatches:
                took_s = CALL_S + len(call.jobs) * self.seconds[call.worker]
                self.busy_s[call.worker] += took_s
                self.jobs[call.worker] += len(call.jobs)
                heapq.heappush(self.calls, (self.now + took_s, next(self.order), call))
            self.now, _, call = heapq.heappop(self.calls)
            outcome = Outcome(b"p", b"", None, self.seconds[call.worker])
            self.target.completed(self.now, call, [outcome] * len(call.jobs))
        return self.now - began

    def ideal_s(self, count):
        return count / sum(1 / seconds for seconds in self.seconds.values())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "seconds",
    [
        {"gpu0": 0.02, "cpu0": 0.2},
        {"gpu0": 0.02, "cpu0": 0.2, "cpu1": 0.2, "cpu2": 0.2},
        {"gpu0": 0.1, "gpu1": 0.1, "cpu0": 1.0, "cpu1": 1.0},
        {"cpu0": 0.05, "cpu1": 0.05, "cpu2": 0.05},
        {"gpu0": 0.1, "cpu0": 0.3},
    ],
    ids=["one of each", "three slow", "two of each", "all alike", "three times"],
)
@pytest.mark.parametrize("count", [100, 1000])
def test_the_last_groups_end_together(seconds, count, seed):
    fleet = Fleet(seed, **seconds)
    for _ in range(4):  # costs become known
        fleet.run(40)
    fleet.busy_s = dict.fromkeys(seconds, 0.0)
    took_s = fleet.run(count)
    ideal_s = fleet.ideal_s(count)
    # Nobody does half a job: the slowest may end one of its own later than the others.
    assert took_s <= 1.1 * ideal_s + max(seconds.values()) / 2
    assert all(busy_s >= 0.7 * ideal_s for busy_s in fleet.busy_s.values())


def test_a_fast_worker_gets_as_much_more_as_it_is_faster():
    fleet = Fleet(gpu0=0.02, cpu0=0.2)
    for _ in range(4):
        fleet.run(40)
    fleet.jobs = dict.fromkeys(fleet.jobs, 0)
    fleet.run(1000)
    assert fleet.jobs["gpu0"] / fleet.jobs["cpu0"] == pytest.approx(10, rel=0.15)


def test_a_new_batch_costs_little_before_anything_is_known():
    fleet = Fleet(gpu0=0.02, cpu0=0.2)
    assert fleet.run(1000) <= 1.1 * fleet.ideal_s(1000)


def test_a_slow_worker_does_not_begin_what_a_fast_one_has_done_before():
    fleet = Fleet(gpu0=0.01, cpu0=1.0)
    for _ in range(6):
        fleet.run(20)
    fleet.jobs = dict.fromkeys(fleet.jobs, 0)
    assert fleet.run(20) < 0.5
    assert fleet.jobs == {"gpu0": 20, "cpu0": 0}
