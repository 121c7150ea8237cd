import pytest

from fastpath.errors import BadRequest
from fastpath.scaling import ScalingAdvisor, ScalingPolicy, advise_threads


def arrive(advisor, since, until, rate):
    for i in range(int((until - since) * 10)):
        advisor.arrived(since + i / 10, rate / 10)


def test_slots_follow_what_arrives():
    advisor = ScalingAdvisor()
    arrive(advisor, 0, 300, 8.0)
    advice = advisor.advise(300, 0.0)
    assert advice.arriving == pytest.approx(8.0, rel=0.02)
    assert advice.slots in (10, 11)


def test_a_backlog_asks_for_more():
    assert ScalingAdvisor().advise(0.0, 300.0).slots == 10


def test_it_goes_up_at_once_and_down_after_the_cool_down():
    advisor = ScalingAdvisor(ScalingPolicy(cool_down_s=100.0))
    assert advisor.advise(0.0, 300.0).slots == 10
    assert advisor.advise(1.0, 600.0).slots == 20
    assert advisor.advise(50.0, 0.0).slots == 20
    assert advisor.advise(102.0, 0.0).slots == 1


def test_it_stays_in_bounds():
    assert ScalingAdvisor().advise(0.0, 0.0).slots == 1
    assert ScalingAdvisor(ScalingPolicy(most_slots=5)).advise(0.0, 1e9).slots == 5


def test_threads_stop_where_more_do_not_help():
    assert advise_threads({1: 1.0, 2: 1.9, 4: 3.4, 8: 3.5}, 64) == 4
    assert advise_threads({1: 1.0, 2: 1.9, 4: 3.6}, 64) == 8
    assert advise_threads({1: 1.0, 2: 1.9, 4: 3.6}, 4) == 4
    assert advise_threads({}, 16) == 16


@pytest.mark.parametrize("wrong", [({0: 1.0}, 4), ({1: 0.0}, 4), ({1: 1.0}, 0)])
def test_impossible_measurements_are_refused(wrong):
    with pytest.raises(BadRequest):
        advise_threads(*wrong)


def test_wrong_policies_are_refused():
    with pytest.raises(BadRequest):
        ScalingPolicy(utilisation=1.0)
    with pytest.raises(BadRequest):
        ScalingPolicy(drain_s=0)
