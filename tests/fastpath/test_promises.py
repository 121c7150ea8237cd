import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.errors import BadRequest
from fastpath.promises import PromisePolicy, Promises

POLICY = PromisePolicy(share=0.25, grace=0.0, least_grace_s=2.0)


def offer(promises, now=0.0, flow="f", earliest_s=1.0, cost_s=1.0, jobs=1, rate=4.0):
    return promises.offer(now, flow, earliest_s=earliest_s, cost_s=cost_s, jobs=jobs, rate=rate)


def test_places_follow_each_other_at_the_share_of_the_rate():
    promises = Promises(POLICY)
    assert [offer(promises, cost_s=3.0)[0] for _ in range(3)] == [1.0, 4.0, 7.0]
    assert offer(promises, flow="other")[0] == 1.0
    assert (promises.due_until(0.0, "f", 4.0), promises.due_until(0.0, "f", 6.9)) == (6.0, 6.0)
    assert promises.jobs_until(0.0, 100.0) == 4


def test_a_place_serves_its_flow_once_when_it_is_due():
    promises = Promises(POLICY)
    wait_s, ticket = offer(promises, cost_s=2.0)
    assert not promises.is_due(0.5, ticket, "f", 2.0)
    assert not promises.is_due(wait_s, ticket, "other", 2.0)
    assert not promises.is_due(wait_s, ticket, "f", 4.0)
    assert not promises.is_due(wait_s, "nonsense", "f", 2.0)
    assert promises.is_due(wait_s, ticket, "f", 2.0)
    promises.take_up(ticket)
    assert not promises.is_due(wait_s, ticket, "f", 2.0)
    assert (len(promises), promises.due_until(wait_s, "f", math.inf), promises.jobs_until(wait_s, 1e9)) == (0, 0.0, 0)


def test_a_place_nobody_came_for_is_free_again():
    promises = Promises(POLICY)
    _, ticket = offer(promises)
    assert promises.is_due(2.9, ticket, "f", 1.0)
    assert promises.due_until(3.0, "f", 100.0) == 0.0
    assert not promises.is_due(3.0, ticket, "f", 1.0)


def test_places_count_as_far_as_places_were_taken_up_lately():
    promises = Promises(POLICY)
    for _ in range(200):
        _, ticket = offer(promises, flow="gone", cost_s=1e-6)
    assert promises.due_until(1e6, "gone", math.inf) == 0.0  # all of them went unused
    assert promises.returning < 0.01
    for number in range(200):
        _, ticket = offer(promises, now=2e6 + number, flow="kept", cost_s=1e-6)
        promises.take_up(ticket)
    assert promises.returning > 0.99
    offer(promises, now=3e6, flow="kept", cost_s=2.0)
    assert promises.due_until(3e6, "kept", math.inf) == pytest.approx(2.0, rel=0.01)


def test_places_are_bounded():
    promises = Promises(POLICY)
    tickets = {offer(promises, earliest_s=1e6)[1] for _ in range(10_100)}
    assert len(promises) == 10_000
    assert "" in tickets
    assert offer(promises)[0] > 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 20), st.floats(0.1, 5), st.booleans()), max_size=60))
def test_what_is_due_equals_the_places_that_stand(steps):
    promises, now, standing = Promises(POLICY), 0.0, {}
    for flow, earliest_s, cost_s, take in steps:
        now += 0.5
        wait_s, ticket = offer(promises, now, flow, earliest_s, cost_s)
        standing[ticket] = (flow, now + wait_s, cost_s)
        if take and len(standing) > 2:
            gone = next(iter(standing))
            promises.take_up(gone)
            del standing[gone]
        standing = {t: place for t, place in standing.items() if place[1] + 2.0 > now}
        assert len(promises) == len(standing)
        for wanted in "abc":
            expected = sum(cost for flow, _, cost in standing.values() if flow == wanted)
            assert promises.due_until(now, wanted, math.inf) == pytest.approx(promises.returning * expected)


@pytest.mark.parametrize("wrong", [{"share": 0}, {"share": 1}, {"grace": -1}, {"least_grace_s": 0}])
def test_wrong_policies_are_refused(wrong):
    with pytest.raises(BadRequest):
        PromisePolicy(**wrong)
