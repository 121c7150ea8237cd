import itertools
import math
import random

from hypothesis import given
from hypothesis import strategies as st

from fastpath.flow import Flow
from fastpath.job import Job
from fastpath.sojourn import SojournPolicy

ENTRIES = itertools.count()


def job(sequence, key="k", priority=5, deadline=math.inf, cost_s=1.0, submitted_at=0.0):
    return Job(f"b-{sequence}", "b", sequence, key, priority, deadline, submitted_at, sequence, cost_s=cost_s)


def flow(*jobs):
    made = Flow(SojournPolicy(limit=0.9, interval_s=1.0))
    for member in jobs:
        made.add(member, next(ENTRIES))
    return made


def take(made, most=1 << 30, now=0.0):
    firsts = made.firsts(now, 4)
    return made.take(firsts[0], most) if firsts else []


def rows(jobs):
    return [member.row for member in jobs]


def test_earliest_deadline_then_priority_then_arrival():
    made = flow(job(0), job(1, priority=9), job(2, deadline=5.0), job(3, deadline=4.0, priority=0), job(4))
    assert rows(take(made)) == [3, 2, 1, 0, 4]
    assert made.length == 0
    assert take(made) == []


def test_a_group_has_one_key_and_the_size_asked_for():
    made = flow(*(job(i, key="ab"[i % 2]) for i in range(6)))
    assert rows(made.firsts(0.0, 4)) == [0, 1]
    assert (made.waiting("a"), made.waiting("c")) == (3, 0)
    assert [rows(take(made, 2)) for _ in range(4)] == [[0, 2], [1, 3], [4], [5]]


def test_no_group_is_larger_than_a_member_allows():
    members = [job(i) for i in range(6)]
    members[2].group_limit = 2
    members[3].group_limit = members[4].group_limit = 1
    made = flow(*members)
    taken = []
    while group := take(made):
        assert all(len(group) <= member.group_limit for member in group)
        taken.append(rows(group))
    assert taken == [[0, 1], [2], [3], [4], [5]]


def test_the_newest_go_first_while_the_first_jobs_wait_too_long():
    made = flow(*(job(i, deadline=10.0 + i, submitted_at=float(i)) for i in range(8)))
    assert rows(take(made, 1, now=8.0)) == [0]  # 8 of 10 s
    assert rows(take(made, 1, now=10.5)) == [1]  # 9.5 of 10 s, but not for long
    assert rows(take(made, 1, now=11.6)) == [7]
    assert rows(take(made, 1, now=11.6)) == [6]
    made.remove(made.firsts(11.6, 4)[0])
    assert rows(made.firsts(11.6, 4)) == [4]
    for gone in [member for member in (made.take(made.firsts(11.6, 1)[0], 1)[0] for _ in range(2)) if member]:
        assert gone.entry == -1
    assert rows(take(made, 1, now=11.6)) == [2]


def test_jobs_without_deadlines_keep_their_order_however_long_they_wait():
    made = flow(*(job(i) for i in range(3)))
    assert [rows(take(made, 1, now=1e6 + i)) for i in range(3)] == [[0], [1], [2]]


def test_the_backlog_follows_what_waits():
    members = [job(0, cost_s=2.0, deadline=5.0), job(1, cost_s=2.0), job(2, cost_s=4.0, key="other")]
    made = flow(*members)
    assert (made.backlog_s, made.backlog_until(6.0)) == (8.0, 2.0)
    made.remove(members[2])
    assert made.backlog_s == 4.0
    take(made)
    assert made.backlog_s == made.backlog_until(math.inf) == 0.0


def test_what_waits_is_valued_by_the_newest_prediction():
    made = flow(job(0, cost_s=1.0, deadline=5.0), job(1, cost_s=1.0, deadline=50.0))
    made.recost("k", 3.0)
    made.recost("other", 9.0)
    assert (made.backlog_s, made.backlog_until(6.0), made.cost_s("k")) == (6.0, 3.0, 3.0)
    made.add(job(2, cost_s=2.0), next(ENTRIES))
    assert made.backlog_s == 6.0
    take(made, 1)
    assert made.backlog_s == 4.0


def test_jobs_that_left_do_not_fill_the_memory():
    made = flow(job(0, deadline=1e9))
    for sequence in range(1, 5_000):
        passing = job(sequence, key=str(sequence % 7), deadline=1e6 - sequence)
        made.add(passing, next(ENTRIES))
        made.remove(passing)
    assert sum(len(of_key.heap) for of_key in made._keys.values()) < 200
    assert len(made._firsts) < 200
    assert len(made._arrivals) < 200


@given(st.lists(st.sampled_from(["add", "leave", "take", "again"]), max_size=200), st.integers())
def test_what_goes_in_comes_out_once_in_order_unless_it_left(actions, seed):
    rng, made = random.Random(seed), flow()
    inside, taken = {}, []
    for sequence, action in enumerate(actions):
        if action == "add":
            inside[sequence] = job(sequence, key=rng.choice("abc"), deadline=rng.choice([5.0, 7.0, math.inf]))
            made.add(inside[sequence], next(ENTRIES))
        elif action == "leave" and inside:
            made.remove(inside.pop(rng.choice(list(inside))))
        elif action == "again" and taken:
            member = taken.pop()
            inside[member.row] = member
            made.add(member, next(ENTRIES))
        elif action == "take" and inside:
            first = min(inside.values(), key=lambda member: member.order)
            group = take(made, 3)
            assert group[0] is first
            assert [member.order for member in group] == sorted(member.order for member in group)
            taken += [inside.pop(member.row) for member in group]
        assert made.length == len(inside)
    while group := take(made):
        for member in group:
            del inside[member.row]
    assert not inside
