import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpath.conflicts import Access, ConflictGraph
from fastpath.job import Job

NUMBERS = itertools.count()


def job():
    number = next(NUMBERS)
    return Job(f"b-{number}", "b", number, "k", 5, 1e9, 0.0, number)


def access(reads="", writes=""):
    return Access(frozenset(reads), frozenset(writes))


def conflict(first, second):
    return bool(
        first.writes & (second.reads | second.writes) or second.writes & (first.reads | first.writes),
    )


def test_a_writer_waits_for_readers_and_readers_for_the_writer():
    graph = ConflictGraph()
    first, second, writer, after, other = (job() for _ in range(5))
    assert graph.add("t", first, access(reads="x"))
    assert graph.add("t", second, access(reads="xy"))
    assert not graph.add("t", writer, access(writes="x"))
    assert not graph.add("t", after, access(reads="x"))
    assert graph.add("t", other, access(reads="y"))
    assert graph.blocked == 2
    assert graph.ended("t", first) == []
    assert graph.ended("t", second) == [writer]
    assert graph.ended("t", writer) == [after]
    assert graph.ended("t", after) == []


def test_tenants_do_not_share_names():
    graph = ConflictGraph()
    assert graph.add("a", job(), access(writes="x"))
    assert graph.add("b", job(), access(writes="x"))


def test_jobs_without_accesses_leave_no_trace():
    graph = ConflictGraph()
    idle = job()
    assert graph.add("t", idle, access())
    assert graph.add_guess("t", idle, [])
    assert len(graph) == 0
    assert graph.ended("t", idle) == []


def test_who_ends_while_waiting_passes_the_order_on():
    graph = ConflictGraph()
    first, cancelled, last = job(), job(), job()
    graph.add("t", first, access(writes="x"))
    graph.add("t", cancelled, access(writes="x"))
    graph.add("t", last, access(writes="x"))
    assert graph.ended("t", cancelled) == []  # the last still waits: the first runs
    assert graph.ended("t", first) == [last]
    assert graph.ended("t", last) == []
    assert len(graph) == 0


def test_a_guess_waits_and_is_never_waited_for():
    graph = ConflictGraph()
    first, guess, second_guess, declared = job(), job(), job(), job()
    graph.add("t", first, access(writes="x"))
    assert not graph.add_guess("t", guess, "x")
    assert not graph.add_guess("t", second_guess, "x")
    assert not graph.add("t", declared, access(writes="x"))
    assert graph.ended("t", first) == [guess, declared]
    assert graph.ended("t", declared) == []
    assert graph.ended("t", guess) == [second_guess]


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 40), st.floats(0, 0.4))
def test_conflicting_jobs_never_overlap_and_keep_their_order(seed, count, cancel_share):
    """Any interleaving of ends, cancellations included, gives the results of running the jobs one by one."""
    rng, graph = random.Random(seed), ConflictGraph()
    accesses, jobs, ready, ended = {}, [], [], []
    for _ in range(count):
        names = rng.sample("uvwxyz", rng.randint(0, 3))
        cut = rng.randint(0, len(names))
        member = job()
        accesses[member.job_id] = access(names[:cut], names[cut:])
        jobs.append(member)
        if graph.add("t", member, accesses[member.job_id]):
            ready.append(member)
        running = list(ready)
        for one, two in itertools.combinations(running, 2):
            assert not conflict(accesses[one.job_id], accesses[two.job_id])
        while ready and rng.random() < 0.3:
            done = ready.pop(rng.randrange(len(ready)))
            ended.append(done)
            ready += graph.ended("t", done)
        waiting = [member for member in jobs if member not in ready and member not in ended]
        if waiting and rng.random() < cancel_share:
            gone = rng.choice(waiting)
            jobs.remove(gone)
            ready += graph.ended("t", gone)
    while ready:
        done = ready.pop(rng.randrange(len(ready)))
        ended.append(done)
        ready += graph.ended("t", done)
        for one, two in itertools.combinations(ready, 2):
            assert not conflict(accesses[one.job_id], accesses[two.job_id])
    assert {member.job_id for member in ended} == {member.job_id for member in jobs}
    place = {member.job_id: i for i, member in enumerate(ended)}
    for one, two in itertools.combinations(jobs, 2):
        if conflict(accesses[one.job_id], accesses[two.job_id]):
            assert place[one.job_id] < place[two.job_id]
    assert len(graph) == 0
    assert graph._names == {}


@pytest.mark.parametrize("count", [2_000])
def test_many_jobs_on_one_name_cost_little(count):
    graph = ConflictGraph()
    members = [job() for _ in range(count)]
    for member in members:
        graph.add("t", member, access(writes="x"))
    for member, following in itertools.pairwise(members):
        assert graph.ended("t", member) == [following]


def test_who_begins_a_long_chain_is_known():
    graph = ConflictGraph()
    hot, cold, both, alone = [job() for _ in range(5)], job(), job(), job()
    for one in hot:
        graph.add("t", one, access(writes="h"))
    graph.add("t", cold, access(writes="c"))
    graph.add("t", both, access(reads="c", writes="h"))
    assert [graph.behind("t", one) for one in (hot[0], cold, both, alone)] == [5, 1, 5, 0]
    graph.ended("t", hot[0])
    assert graph.behind("t", hot[1]) == 4
