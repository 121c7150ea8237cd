import random

import pytest

from fastpath.breaker import BreakerPolicy, BreakerState, CircuitBreaker
from fastpath.errors import BadRequest


def breaker(**policy):
    return CircuitBreaker(BreakerPolicy(**policy), random.Random(1))


def test_failures_in_a_row_open_it_and_a_success_between_does_not():
    made = breaker(failures=3)
    assert not made.failed(0.0)
    assert not made.failed(0.0)
    made.succeeded()
    assert [made.failed(0.0) for _ in range(3)] == [False, False, True]
    assert not made.closed
    assert made.opened == 1


def test_one_probe_goes_through_and_closes_it_when_it_passes():
    made = breaker(first_wait_s=10.0)
    assert made.quarantine(0.0)
    assert not made.quarantine(0.0)
    assert 10.0 <= made.next_due() <= 11.0
    assert not made.take_probe(9.9)
    assert made.take_probe(11.0)
    assert not made.take_probe(11.0)
    assert made.state is BreakerState.HALF_OPEN
    assert made.next_due() is None
    made.probed(12.0, passed=True)
    assert made.closed
    assert not made.failed(12.0)


def test_waits_double_with_failed_probes_up_to_a_bound():
    made = breaker(first_wait_s=1.0, longest_wait_s=5.0)
    made.quarantine(0.0)
    now, waits = 0.0, []
    for _ in range(5):
        waits.append(made.next_due() - now)
        now = made.next_due()
        assert made.take_probe(now)
        made.probed(now, passed=False)
    for wait_s, exact in zip(waits, [1, 2, 4, 5, 5], strict=True):
        assert exact <= wait_s <= 1.1 * exact


def test_a_device_that_passed_is_trusted_as_before():
    made = breaker(failures=2, first_wait_s=1.0)
    assert [made.failed(0.0) for _ in range(2)] == [False, True]
    for passed in (False, True):
        assert made.take_probe(made.next_due())
        made.probed(9.0, passed=passed)
    assert [made.failed(20.0) for _ in range(2)] == [False, True]
    assert 21.0 <= made.next_due() <= 21.1


def test_a_result_nobody_asked_for_changes_nothing():
    made = breaker()
    made.probed(0.0, passed=False)
    assert made.closed


@pytest.mark.parametrize("wrong", [{"failures": 0}, {"first_wait_s": 0}, {"first_wait_s": 9, "longest_wait_s": 8}])
def test_wrong_policies_are_refused(wrong):
    with pytest.raises(BadRequest):
        BreakerPolicy(**wrong)
