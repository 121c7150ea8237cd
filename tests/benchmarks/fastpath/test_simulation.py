"""The simulator on traces small enough to work out by hand."""

import math

import pytest

from benchmarks.fastpath import workloads
from benchmarks.fastpath.clients import ServiceClient
from benchmarks.fastpath.contenders import CONTENDERS, run
from benchmarks.fastpath.control_plane import ControlPlane
from benchmarks.fastpath.history import share_in_time
from benchmarks.fastpath.origin import OriginClient, OriginPolicy
from benchmarks.fastpath.policy import Fault, Orders, Refusal
from benchmarks.fastpath.provers import CALL_S, CANCEL_S
from benchmarks.fastpath.requests import GIB, FaultRates, Outage, Request, Trace
from benchmarks.fastpath.simulation import Simulation


def requests(*arrivals_s, service_s=1.0, **options):
    options = {"tenant": "t", "key_id": "k", "patience_s": 10.0} | options
    return [
        Request(number=number, arrival_s=arrival_s, service_s=service_s, **options)
        for number, arrival_s in enumerate(arrivals_s)
    ]


def trace(wanted, **options):
    return Trace(**({"name": "by hand", "seed": 1, "requests": wanted, "provers": 1, "marks": {}} | options))


def run_origin(by_hand):
    return Simulation(by_hand, OriginPolicy(by_hand), OriginClient()).run()


@pytest.mark.parametrize("name", CONTENDERS)
def test_a_run_is_reproducible_to_the_bit(name):
    def served():
        return [story.served_s for story in run(workloads.steady(7, 1.2, 60), CONTENDERS[name]).requests]

    assert served() == served()


@pytest.mark.parametrize("name", CONTENDERS)
def test_an_idle_service_serves_everyone_in_time(name):
    history = run(workloads.steady(3, 0.3, 60), CONTENDERS[name])
    assert share_in_time(history.requests) == 1.0
    assert history.wasted() == 0.0


def test_jobs_wait_for_a_prover_and_lanes_work_side_by_side():
    alone = run_origin(trace(requests(0.0, 0.0)))
    assert [story.served_s for story in alone.requests] == pytest.approx([1 + CALL_S, 2 + 2 * CALL_S])
    two_lanes = run_origin(trace(requests(0.0, 0.0), lanes=2))
    assert [story.served_s for story in two_lanes.requests] == pytest.approx([1 + CALL_S] * 2)


def test_work_that_nobody_waits_for_any_more_is_wasted():
    history = run_origin(trace(requests(0.0, service_s=3.0, patience_s=2.0)))
    (story,) = history.requests
    assert not story.served
    assert story.attempts == story.runs == 4  # it comes back each time, and each time too late
    assert history.wasted() == 1.0
    assert history.busy_s(0.0, 2.0) == pytest.approx(2.0 - CALL_S)


def test_a_late_answer_counts_as_served_but_not_as_in_time():
    history = run_origin(trace(requests(0.0, 0.0, 0.0, service_s=1.0, patience_s=2.5)))
    last = history.requests[2]
    assert last.served
    assert last.attempts == 2
    assert not last.in_time


def test_a_lost_prover_takes_its_run_with_it_and_comes_back():
    history = run_origin(trace(requests(0.0), outages=(Outage(0, 0.5, 3.0),)))
    (story,) = history.requests
    assert story.runs == 2
    assert story.served_s == pytest.approx(4 + CALL_S)
    assert history.count(Fault.LOST) == 1


def test_a_call_to_a_prover_that_is_gone_fails_at_once():
    by_hand = trace(requests(1.0), outages=(Outage(0, 0.5, 2.0),))
    history = Simulation(by_hand, ControlPlane(by_hand), ServiceClient(1)).run()
    assert history.requests[0].runs == 1
    assert 3.0 < history.requests[0].served_s < 6.0


def test_two_lanes_share_a_memory():
    by_hand = trace(requests(0.0, 0.0, peak_bytes=5 * GIB), lanes=2, memory_bytes=8 * GIB)
    history = run_origin(by_hand)
    assert history.count(Fault.MEMORY) > 0
    assert history.count(None) == 1 + history.requests[1].served  # the other fails, or a late retry finds room


def test_faults_depend_on_the_seed_the_request_and_the_run_alone():
    by_hand = trace(requests(*range(50), service_s=0.1), faults=FaultRates(transient=0.5))
    runs = [story.runs for story in run_origin(by_hand).requests]
    more = trace(requests(*range(50), service_s=0.1), faults=FaultRates(transient=0.5), provers=4)
    assert [story.runs for story in run_origin(more).requests] == runs
    assert 1 < sum(runs) / 50 < 3


def test_the_first_call_of_a_key_loads_it():
    history = run_origin(trace(requests(0.0, 5.0), key_load_s=2.0))
    assert [story.latency_s for story in history.requests] == pytest.approx([3 + CALL_S, 1 + CALL_S])
    assert history.key_loads == 1


class Stopping(OriginPolicy):
    """Stops job 0 half a second into its run."""

    def tick(self, now):
        orders = super().tick(now)
        if now < 0.5:
            return Orders(calls=orders.calls, ended=orders.ended, next_event_s=0.5)
        return Orders(calls=orders.calls, ended=orders.ended, stops=[0], next_event_s=orders.next_event_s)


def test_a_stopped_run_ends_soon():
    by_hand = trace(requests(0.0, service_s=5.0, patience_s=100.0))
    history = Simulation(by_hand, Stopping(by_hand), OriginClient()).run()
    assert history.count(Fault.STOPPED) >= 1
    assert history.busy_s() == pytest.approx(0.5 + CANCEL_S + 5.0, abs=0.01)  # the client's next job is let run


class Refusing(OriginPolicy):
    """Refuses everything before 5 s, with a promise for then."""

    def submit(self, now, job, request, ticket=""):
        if now < 5.0:
            return Refusal(5.0 - now, "place")
        self.shown = ticket
        return super().submit(now, job, request)


def test_a_refused_client_returns_at_the_promised_time_with_its_ticket():
    by_hand = trace(requests(1.0))
    policy = Refusing(by_hand)
    history = Simulation(by_hand, policy, ServiceClient(1)).run()
    assert (history.refusals, history.returns, history.returns_accepted) == (1, 1, 1)
    assert policy.shown == "place"
    assert history.requests[0].served_s == pytest.approx(6 + CALL_S)


def test_clients_come_back_for_a_tenth_and_stop_asking_when_all_is_refused():
    by_hand = trace(requests(*[i / 1000 for i in range(1000)], patience_s=1.0))
    policy = Refusing(by_hand)
    history = Simulation(by_hand, policy, ServiceClient(1)).run()
    assert 0 < history.returns <= 100  # a tenth, of which the first ten are an advance
    assert history.refusals < 200  # the others are not even sent


def test_recovery_is_the_first_moment_after_which_nearly_all_is_in_time():
    stories = requests(*range(100), service_s=0.1, patience_s=5.0)
    by_hand = trace(stories, outages=(Outage(0, 10.0, 29.95),))
    history = Simulation(by_hand, OriginPolicy(by_hand, drops_expired=True), OriginClient()).run()
    assert history.recovery_s(10.0) == pytest.approx(15.0, abs=2.0)
    assert history.recovery_s(40.0) == 0.0
    assert history.recovery_s(80.0) == math.inf  # no 30 s are left to tell
