import math
import random

from hypothesis import given
from hypothesis import strategies as st

from fastpath.job import Job, JobState
from fastpath.queue import Capacity, JobQueue


def job(sequence, key="k", priority=5, deadline=math.inf):
    return Job(f"b-{sequence}", "b", sequence, key, priority, deadline, 0.0, sequence)


def everything(_key, waiting):
    return waiting


def names(group):
    return [member.row for member in group]


def test_earliest_deadline_then_priority_then_arrival():
    queue = JobQueue()
    for member in [job(0), job(1, priority=9), job(2, deadline=5.0), job(3, deadline=4.0, priority=0), job(4)]:
        queue.add(member)
    assert names(queue.take(everything)) == [3, 2, 1, 0, 4]
    assert len(queue) == 0
    assert queue.take(everything) == []


def test_a_group_has_one_key_and_the_size_asked_for():
    queue = JobQueue()
    for sequence in range(6):
        queue.add(job(sequence, key="ab"[sequence % 2]))
    asked = []

    def two(key, waiting):
        asked.append((key, waiting))
        return 2

    assert names(queue.take(two)) == [0, 2]
    assert names(queue.take(two)) == [1, 3]
    assert names(queue.take(two)) == [4]
    assert asked == [("a", 3), ("b", 3), ("a", 1)]
    assert len(queue) == 1


def test_no_group_is_larger_than_a_member_allows():
    queue = JobQueue()
    members = [job(i) for i in range(6)]
    members[2].group_limit = 2
    members[3].group_limit = members[4].group_limit = 1
    for member in members:
        queue.add(member)
    taken = []
    while group := queue.take(everything):
        assert all(len(group) <= member.group_limit for member in group)
        taken.append(names(group))
    assert taken == [[0, 1], [2], [3], [4], [5]]


def test_a_job_backs_off_until_it_is_due():
    queue = JobQueue()
    queue.add(job(0), not_before=10.0)
    queue.add(job(1))
    assert len(queue) == 2
    assert names(queue.take(everything)) == [1]
    queue.wake(9.9)
    assert queue.take(everything) == []
    assert queue.next_due() == 10.0
    queue.wake(10.0)
    assert names(queue.take(everything)) == [0]
    assert queue.next_due() is None


@given(st.lists(st.sampled_from(["add", "delay", "leave", "take"]), max_size=200), st.integers())
def test_what_goes_in_comes_out_once_unless_it_left(actions, seed):
    rng, queue, now = random.Random(seed), JobQueue(), 0.0
    inside, out = {}, []
    for sequence, action in enumerate(actions):
        now += 1
        if action in ("add", "delay"):
            inside[sequence] = job(sequence, key=rng.choice("abc"), deadline=rng.choice([5.0, math.inf]))
            queue.add(inside[sequence], now + rng.random() * 5 if action == "delay" else None)
        elif action == "leave" and inside:
            leaving = inside.pop(rng.choice(list(inside)))
            leaving.move(JobState.CANCELLED)
            queue.left(leaving)
        elif action == "take":
            queue.wake(now)
            for member in queue.take(lambda _key, _waiting: 3):
                member.move(JobState.ADMITTED)
                out.append(inside.pop(member.row).row)
        assert len(queue) == len(inside)
    queue.wake(math.inf)
    while group := queue.take(everything):
        out += [inside.pop(member.row).row for member in group]
    assert not inside
    assert len(out) == len(set(out))


def test_jobs_that_left_do_not_fill_the_memory():
    queue = JobQueue()
    queue.add(job(0))
    for sequence in range(1, 2_000):
        passing = job(sequence)
        queue.add(passing)
        passing.move(JobState.CANCELLED)
        queue.left(passing)
    assert sum(len(waiting.heap) for waiting in queue._keys.values()) < 200


def test_capacity_counts_jobs_and_bytes():
    capacity = Capacity(max_jobs=10, max_bytes=100)
    assert capacity.excess(10, 100) == (0, 0)
    capacity.take(8, 90)
    assert capacity.excess(2, 10) == (0, 0)
    assert capacity.excess(5, 40) == (3, 30)
    capacity.give_back(8, 90)
    assert capacity.excess(10, 100) == (0, 0)
