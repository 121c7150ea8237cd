"""Work that shares state."""

import pytest

from benchmarks.fastpath import workloads
from benchmarks.fastpath.conflicts import InOrder, least_s
from benchmarks.fastpath.origin import OriginClient, OriginPolicy
from benchmarks.fastpath.requests import Request, Trace
from benchmarks.fastpath.shared_state import SharedState, equals_serial, serial
from benchmarks.fastpath.simulation import Simulation


def request(number, reads=(), writes=()):
    return Request(
        number=number,
        arrival_s=0.0,
        tenant="t",
        key_id="k",
        service_s=1.0,
        patience_s=1.0,
        reads=frozenset(reads),
        writes=frozenset(writes),
    )


def test_a_write_that_comes_between_a_read_and_its_commit_shows():
    state = SharedState()
    first, second = request(0, "a", "b"), request(1, "b", "a")
    state.begin(0, first)
    state.begin(1, second)
    assert state.commit(0, first)
    assert not state.commit(1, second)
    state.begin(2, second)
    assert state.commit(2, second)
    assert equals_serial(state, [first, second])
    assert not equals_serial(state, [second, first])


def test_readers_do_not_disturb_each_other():
    state = SharedState()
    readers = [request(number, "a") for number in range(3)]
    for number, reader in enumerate(readers):
        state.begin(number, reader)
    assert all(state.commit(number, reader) for number, reader in enumerate(readers))


@pytest.mark.parametrize("at_most", [1, 8])
def test_running_in_order_gives_the_results_of_serial_execution(at_most):
    trace = workloads.with_conflicts(1, "DeFi swaps", 150)
    simulation = Simulation(trace, InOrder(trace, at_most), OriginClient())
    history = simulation.run()
    assert all(story.served for story in history.requests)
    assert history.conflicts == 0
    assert equals_serial(simulation.state, trace.requests)


def test_not_knowing_conflicts_shows():
    trace = workloads.with_conflicts(1, "DeFi swaps", 150)
    simulation = Simulation(trace, OriginPolicy(trace), OriginClient())
    assert simulation.run().conflicts > 0
    assert not equals_serial(simulation.state, trace.requests)
    assert simulation.state.results.keys() <= serial(trace.requests).results.keys()


@pytest.mark.parametrize(
    ("accesses", "provers", "least"),
    [
        ([("", "a")] * 4, 8, 4.0),
        ([("", "a"), ("", "b"), ("", "c"), ("", "d")], 2, 2.0),
        ([("", "a"), ("a", ""), ("a", ""), ("", "a")], 8, 3.0),
        ([("", "a"), ("a", "b"), ("b", "c")], 8, 3.0),
        ([("a", ""), ("a", ""), ("a", "")], 8, 1.0),
    ],
)
def test_a_trace_takes_at_least_its_longest_chain_and_its_work(accesses, provers, least):
    requests = [request(number, reads, writes) for number, (reads, writes) in enumerate(accesses)]
    assert least_s(Trace(name="t", seed=1, requests=requests, provers=provers, marks={})) == pytest.approx(least)
