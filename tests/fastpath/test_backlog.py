import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.backlog import Backlog

DEADLINES = st.one_of(st.floats(0, 1e7), st.just(math.inf))


@given(st.lists(st.tuples(DEADLINES, st.floats(0.01, 1e3)), max_size=60), DEADLINES)
def test_sums_equal_those_over_all_jobs(jobs, until):
    backlog = Backlog()
    for deadline, amount in jobs:
        backlog.add(deadline, amount)

    def exact(limit):
        return sum(amount for deadline, amount in jobs if deadline <= limit)

    found = backlog.until(until)
    assert exact(until) - 1e-6 <= found <= exact(until + 0.25) + 1e-6
    assert backlog.total == pytest.approx(exact(math.inf))


@given(st.lists(st.tuples(DEADLINES, st.floats(0.01, 1e3)), max_size=60), st.randoms())
def test_what_is_taken_back_leaves_nothing(jobs, rng):
    backlog = Backlog()
    for deadline, amount in jobs:
        backlog.add(deadline, amount)
    rng.shuffle(jobs)
    for deadline, amount in jobs:
        backlog.add(deadline, -amount)
    assert backlog.until(math.inf) == pytest.approx(0.0, abs=1e-6)
    assert backlog.until(1e8) == pytest.approx(0.0, abs=1e-6)
    assert sum(map(len, backlog._levels)) == 0


def test_memory_does_not_grow_with_jobs():
    backlog = Backlog()
    for i in range(50_000):
        backlog.add(1000.0 + i / 1000, 0.1)
    assert sum(map(len, backlog._levels)) < 300
    assert backlog.until(1025.0) == pytest.approx(2_500, rel=0.02)
