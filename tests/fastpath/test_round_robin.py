import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.round_robin import DeficitRoundRobin


def serve(flows, turns, cost_of):
    got = Counter()
    for _ in range(turns):
        flow = flows.turn()
        cost = cost_of(flow)
        flows.pay(flow, cost)
        got[flow] += cost
    return got


@given(
    st.lists(st.floats(0.1, 10), min_size=1, max_size=6),
    st.lists(st.floats(0.01, 20), min_size=6, max_size=6),
    st.floats(0.1, 5),
)
def test_flows_get_work_in_proportion_to_their_weights(weights, costs, quantum):
    flows = DeficitRoundRobin(quantum)
    for flow, weight in enumerate(weights):
        flows.activate(flow, weight)
    got = serve(flows, 400, lambda flow: costs[flow])
    normalised = {flow: got[flow] / weight for flow, weight in enumerate(weights)}
    # Between two flows stand at most one quantum and one piece of work of each.
    slack = quantum + max(costs[flow] / weight for flow, weight in enumerate(weights))
    assert max(normalised.values()) - min(normalised.values()) <= 2 * slack + 1e-6


def test_a_flow_alone_gets_everything_and_none_gives_nothing():
    flows = DeficitRoundRobin()
    assert flows.turn() is None
    flows.activate("a", 0.001)
    assert serve(flows, 10, lambda _flow: 100.0) == {"a": 1000.0}
    flows.deactivate("a")
    assert flows.turn() is None


def test_leaving_keeps_the_debt_and_loses_the_credit():
    flows = DeficitRoundRobin(1.0)
    flows.activate("steady", 1.0)
    flows.activate("sly", 1.0)
    got = Counter()
    for _ in range(400):
        flow = flows.turn()
        flows.pay(flow, 10.0 if flow == "sly" else 1.0)
        got[flow] += 10.0 if flow == "sly" else 1.0
        if flow == "sly":  # it goes after every job, and is back before its next turn
            flows.deactivate("sly")
            flows.activate("sly", 1.0)
    assert got["sly"] <= 1.1 * got["steady"] + 10


def test_debts_are_paid_off_while_a_flow_is_away():
    flows = DeficitRoundRobin(1.0)
    flows.activate("a", 1.0)
    flows.activate("b", 1.0)
    flows.pay("a", 5.0)
    flows.deactivate("a")
    serve(flows, 20, lambda _flow: 1.0)
    flows.activate("a", 1.0)
    assert "a" in {flows.turn(), *serve(flows, 2, lambda _flow: 1.0)}


def test_many_flows_in_debt_are_passed_at_once():
    flows = DeficitRoundRobin(1e-3)
    for flow in range(100):
        flows.activate(flow, 1.0)
        flows.pay(flow, 1e6)
    assert flows.turn() in range(100)


def test_weights_may_change_while_there_is_work():
    rng = random.Random(1)
    flows = DeficitRoundRobin()
    flows.activate("a", 1.0)
    flows.activate("b", 1.0)
    serve(flows, 100, lambda _flow: rng.random())
    flows.activate("b", 3.0)
    got = serve(flows, 2_000, lambda _flow: rng.random())
    assert got["b"] / got["a"] == pytest.approx(3.0, rel=0.05)


def test_a_flow_keeps_credit_while_it_is_empty_as_far_as_it_may():
    flows = DeficitRoundRobin(1.0, kept_s=5.0)
    flows.activate("steady", 1.0)
    flows.activate("rare", 1.0)
    flows.deactivate("rare")
    serve(flows, 3, lambda _flow: 1.0)
    assert flows.account("rare", 1.0) == pytest.approx(5.0, abs=1.0)
    serve(flows, 100, lambda _flow: 1.0)
    assert flows.account("rare", 1.0) == 6.0
    assert flows.meanwhile("steady", 1.0, 0.0, "rare", 1.0) >= 6.0


@pytest.mark.parametrize("seed", range(5))
def test_what_another_flow_gets_meanwhile_is_predicted(seed):
    rng = random.Random(seed)
    flows = DeficitRoundRobin(1.0)
    weights = {flow: rng.uniform(0.5, 3.0) for flow in "abc"}
    for flow, weight in weights.items():
        flows.activate(flow, weight)
    serve(flows, 50, lambda _flow: rng.uniform(0.1, 3.0))
    own_s = 40.0
    predicted = {flow: flows.meanwhile("a", weights["a"], own_s, flow, weights[flow]) for flow in "bc"}
    got = Counter()
    while got["a"] < own_s:
        flow = flows.turn()
        flows.pay(flow, 0.1)
        got[flow] += 0.1
    for flow, expected in predicted.items():
        assert got[flow] == pytest.approx(expected, abs=2 * weights[flow])
