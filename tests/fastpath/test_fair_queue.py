import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.class_shares import size_class
from fastpath.fair_queue import FairQueue, FlowId
from fastpath.job import Job, JobState

LATER = 1e4  # what was offered at time 0 does not lead to expect any more then


def job(sequence, tenant="t", size=0, cost_s=1.0, deadline=math.inf, key="k"):
    return Job(
        f"b-{sequence}", "b", sequence, key, 5, deadline, 0.0, sequence, tenant=tenant, size_class=size, cost_s=cost_s
    )


def serve(queue, jobs):
    """Take so many jobs one by one; return seconds by flow."""
    got = {}
    for _ in range(jobs):
        flow_id = next(queue.flows_in_turn())
        (first,) = queue.take(flow_id, queue.flow(flow_id).firsts(0.0, 1)[0], 1)
        got[flow_id] = got.get(flow_id, 0.0) + first.cost_s
    return got


def fill(queue, counts):
    numbers = iter(range(1_000_000))
    for (tenant, size, cost_s), count in counts.items():
        queue.offered(0.0, tenant, size, count * cost_s)
        for _ in range(count):
            queue.add(job(next(numbers), tenant, size, cost_s))


def test_classes_follow_the_size():
    assert [size_class(seconds) for seconds in (0.0, 0.5, 1.0, 5.0, 10.0, 1e9)] == [0, 0, 1, 1, 2, 2]


def test_a_noisy_tenant_gets_no_more_than_a_quiet_one_while_both_wait():
    queue = FairQueue()
    fill(queue, {("noisy", 0, 0.5): 2_000, ("quiet", 0, 0.5): 200})
    got = serve(queue, 200)
    assert got["quiet", 0] == pytest.approx(50, abs=2)
    queue = FairQueue({"noisy": 3.0})
    fill(queue, {("noisy", 0, 0.5): 2_000, ("quiet", 0, 0.5): 200})
    got = serve(queue, 200)
    assert got["noisy", 0] / got["quiet", 0] == pytest.approx(3, rel=0.1)


def test_size_classes_are_served_in_proportion_to_what_was_offered():
    queue = FairQueue()
    fill(queue, {("t", 0, 0.5): 900, ("t", 1, 5.0): 100})  # 450 s and 500 s
    got = serve(queue, 200)
    assert got["t", 1] / got["t", 0] == pytest.approx(500 / 450, rel=0.15)


def test_no_class_gets_less_than_a_tenth():
    queue = FairQueue()
    fill(queue, {("t", 0, 0.1): 10_000, ("t", 2, 20.0): 1})
    queue.offered(0.0, "t", 0, 1e9)
    got = serve(queue, 3_000)
    assert got["t", 2] == 20.0


def test_a_job_backs_off_until_it_is_due():
    queue = FairQueue()
    queue.add(job(0), not_before=10.0)
    assert len(queue) == 1
    assert list(queue.flows_in_turn()) == []
    queue.wake(9.9)
    assert queue.next_due() == 10.0
    assert queue.backlog_s == 0.0
    queue.wake(10.0)
    assert (list(queue.flows_in_turn()), queue.next_due(), queue.backlog_s) == ([FlowId("t", 0)], None, 1.0)


def test_a_blocked_job_waits_until_it_is_unblocked():
    queue = FairQueue()
    waiting = job(0)
    waiting.blocked = True
    queue.add(waiting)
    assert (len(queue), list(queue.flows_in_turn())) == (1, [])
    queue.unblock(waiting)
    assert serve(queue, 1) == {("t", 0): 1.0}
    assert len(queue) == 0


def test_others_follow_as_candidates():
    queue = FairQueue()
    fill(queue, {("a", 0, 1.0): 1, ("a", 1, 1.0): 1, ("b", 0, 1.0): 1})
    order = list(queue.flows_in_turn())
    assert sorted(order) == [("a", 0), ("a", 1), ("b", 0)]
    assert order[0].tenant == order[1].tenant or order[0].tenant == "b"


def test_work_before_counts_other_tenants_up_to_their_share():
    queue = FairQueue()
    fill(queue, {("noisy", 0, 1.0): 100, ("quiet", 0, 1.0): 2})
    work = queue.work_before(LATER, FlowId("new", 0), math.inf, 5.0, 8.0)
    assert (work.in_flow_s, work.total_s) == (5.0, 5.0 + 5.0 + 2.0)
    noisy = queue.work_before(LATER, FlowId("noisy", 0), math.inf, 1.0, 8.0)
    assert (noisy.in_flow_s, noisy.total_s) == (101.0, 103.0)


def test_work_before_expects_what_is_offered_meanwhile_up_to_its_share():
    queue = FairQueue()
    now = 0.0
    for i in range(3_000):  # 4 prover-seconds a second each, of the 8 that are served
        now = i / 10
        for tenant in ("steady", "t"):
            queue.offered(now, tenant, 0, 0.4)
    alone = queue.work_before(now, FlowId("t", 0), math.inf, 8.0, 8.0)
    assert alone.total_s == pytest.approx(8.0 + 7.0, rel=0.1)  # it takes about 2 s; the fixed point is met from below
    queue.add(job(0, "steady", cost_s=0.1))
    shared = queue.work_before(now, FlowId("t", 0), math.inf, 8.0, 1.0)
    assert shared.total_s == pytest.approx(16.0, abs=0.5)  # it would be offered more than its share


def test_work_before_leaves_out_later_deadlines_of_the_flow():
    queue = FairQueue()
    for i in range(10):
        queue.add(job(i, deadline=100.0 + 10 * i))
    assert queue.work_before(LATER, FlowId("t", 0), 131.0, 1.0, 8.0).in_flow_s == 5.0
    assert queue.work_before(LATER, FlowId("t", 0), 50.0, 1.0, 8.0).in_flow_s == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_work_before_predicts_what_is_served_first(seed):
    """The promise of the prediction: with nothing new, so much is served until a job of the flow is."""
    rng = random.Random(seed)
    queue = FairQueue()
    counts = {}
    for tenant in "abc":
        for size, cost_s in ((0, 0.5), (1, 5.0)):
            counts[tenant, size, cost_s] = rng.randint(1, 60)
    fill(queue, counts)
    last = job(10**6, "a", 0, 0.5)
    predicted = queue.work_before(LATER, FlowId("a", 0), math.inf, 0.5, 8.0).total_s
    queue.add(last)
    served = 0.0
    while last.entry >= 0:
        served += sum(serve(queue, 1).values())
    assert served == pytest.approx(predicted, abs=6 * 5.0)  # each of the six flows is off by one job at most


@given(st.lists(st.sampled_from(["add", "delay", "block", "leave", "take"]), max_size=150), st.integers())
def test_nothing_is_lost_and_sums_stay_exact(actions, seed):
    rng, queue, now = random.Random(seed), FairQueue(), 0.0
    inside = {}
    for sequence, action in enumerate(actions):
        now += 1
        if action in ("add", "delay", "block"):
            size = rng.randrange(2)
            member = job(sequence, rng.choice("ab"), size, 0.5 + size, key=rng.choice("kl"))
            member.blocked = action == "block"
            inside[sequence] = member
            queue.add(member, now + rng.random() * 5 if action == "delay" else None)
        elif action == "leave" and inside:
            leaving = inside.pop(rng.choice(list(inside)))
            leaving.move(JobState.CANCELLED)
            queue.left(leaving)
        elif action == "take":
            queue.wake(now)
            for flow_id in queue.flows_in_turn():
                group = queue.take(flow_id, queue.flow(flow_id).firsts(now, 4)[0], 3)
                for member in group:
                    member.move(JobState.ADMITTED)
                    del inside[member.row]
                break
        ready = [member for member in inside.values() if member.entry >= 0]
        assert len(queue) == len(inside)
        assert queue.backlog_s == pytest.approx(sum(member.cost_s for member in ready), abs=1e-6)
        assert {FlowId(member.tenant, member.size_class) for member in ready} == set(queue.flows_in_turn())


def test_the_backlog_of_all_flows_follows_a_new_prediction():
    queue = FairQueue()
    fill(queue, {("a", 0, 1.0): 3, ("b", 0, 1.0): 2})
    queue.recost("k", 4.0)
    assert (queue.backlog_s, queue.backlog_of("a"), queue.backlog_of("b")) == (20.0, 12.0, 8.0)
    serve(queue, 5)
    assert queue.backlog_s == 0.0


def test_tenants_that_only_ask_are_not_remembered_for_ever():
    queue = FairQueue()
    for i in range(10_000):
        queue.offered(float(i), f"t{i}", 0, 1.0)
    assert len(queue.shares._tenants) <= 4096
