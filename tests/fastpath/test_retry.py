import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.errors import BadRequest, Overloaded
from fastpath.retry import RetryBudget, RetryPolicy, is_retryable


@given(
    failures=st.integers(1, 10_000),
    service_s=st.floats(0, 100),
    left_s=st.floats(-1, 1000),
    congestion=st.floats(1, 10),
    seed=st.integers(),
)
def test_a_retry_starts_within_its_window_and_can_end_before_the_deadline(
    failures, service_s, left_s, congestion, seed
):
    policy = RetryPolicy()
    now = 50.0
    wait_s = policy.wait_s(
        failures,
        service_s=service_s,
        now=now,
        deadline=now + left_s,
        rng=random.Random(seed),
        congestion=congestion,
    )
    if left_s - service_s <= -1e-9:
        assert wait_s is None
    if wait_s is not None:
        assert 0 <= wait_s <= policy.window_s(failures, service_s, congestion)
        assert wait_s + service_s <= left_s + 1e-9


def test_the_window_doubles_up_to_the_cap():
    policy = RetryPolicy(cap=8)
    assert [policy.window_s(k, 2.0) for k in (1, 2, 3, 4, 5, 100)] == [2, 4, 8, 16, 16, 16]
    assert policy.window_s(1, 2.0, congestion=2.5) == 5
    assert policy.window_s(1, 0.0) == policy.floor_s


def test_the_jitter_is_full_and_real():
    policy, rng = RetryPolicy(), random.Random(7)
    waits = sorted(policy.wait_s(3, service_s=1.0, now=0.0, deadline=math.inf, rng=rng) for _ in range(4_000))
    for quarter in (0.25, 0.5, 0.75):  # uniform in [0, 4)
        assert waits[int(quarter * 4_000)] == pytest.approx(4 * quarter, abs=0.1)


def test_retries_are_at_most_the_budgeted_share():
    budget = RetryBudget(share=0.1, reserve=5)
    retries = 0
    for _ in range(1_000):
        budget.earn()
        retries += budget.spend()
    assert 98 <= retries <= 100


def test_a_long_calm_does_not_pay_for_a_storm():
    budget = RetryBudget(share=0.1, reserve=5, most=20)
    budget.earn(1_000_000)
    assert sum(budget.spend() for _ in range(100)) == 20


def test_the_first_retries_are_an_advance():
    budget = RetryBudget(share=0.1, reserve=5)
    assert sum(budget.spend() for _ in range(100)) == 5
    budget.earn(50)
    assert not budget.spend()
    budget.earn(10)
    assert budget.spend()


def test_errors_say_themselves_whether_they_are_retryable():
    custom = ValueError()
    custom.retryable = True
    assert is_retryable(Overloaded("m", 1.0))
    assert is_retryable(custom)
    assert not is_retryable(ValueError())


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"cap": 0.5}, {"floor_s": 0.0}, {"floor_s": math.nan}])
def test_wrong_policies_are_refused(wrong):
    with pytest.raises(BadRequest):
        RetryPolicy(**wrong)
