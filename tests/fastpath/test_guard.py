import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.errors import BadRequest
from fastpath.guard import ConcurrencyGuard, GuardPolicy


def guard(most=8):
    return ConcurrencyGuard(GuardPolicy(tolerance=2.0, decrease=0.5), most)


def feed(made, calls, seconds, key="k"):
    for _ in range(calls):
        made.ended(key, seconds)


def test_slow_calls_halve_the_limit_once_a_round():
    made = guard()
    feed(made, 8, 1.0)
    made.ended("k", 5.0)
    assert made.limit == 4
    feed(made, 3, 5.0)
    assert made.limit == 4
    made.ended("k", 5.0)
    assert made.limit == 2


def test_it_recovers_by_one_a_round_and_stays_in_bounds():
    made = guard(most=4)
    made.ended("k", 1.0)
    feed(made, 50, 5.0)
    assert made.limit == 1
    feed(made, 2, 1.0)
    assert made.limit == 2
    feed(made, 100, 1.0)
    assert made.limit == 4


def test_keys_of_unequal_size_do_not_look_slow():
    made = guard()
    for _ in range(50):
        made.ended("small", 0.5)
        made.ended("large", 50.0)
    assert made.limit == 8


def test_an_optimum_that_is_gone_is_forgotten():
    made = guard()
    made.ended("k", 1.0)
    feed(made, 400, 5.0)
    assert made.limit == 8


@given(st.lists(st.floats(0.0, 100.0), max_size=100), st.integers(1, 16))
def test_the_limit_never_leaves_its_bounds(times, most):
    made = guard(most)
    for seconds in times:
        made.ended("k", seconds)
        assert 1 <= made.limit <= most


@pytest.mark.parametrize("wrong", [{"tolerance": 1.0}, {"decrease": 0.0}, {"decrease": 1.0}])
def test_wrong_policies_are_refused(wrong):
    with pytest.raises(BadRequest):
        GuardPolicy(**wrong)
