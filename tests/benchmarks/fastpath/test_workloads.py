"""Traces are what they say they are."""

from collections import Counter

import pytest

from benchmarks.fastpath import workloads


@pytest.mark.parametrize("seed", range(3))
def test_the_load_is_as_offered(seed):
    trace = workloads.steady(seed, 2.5, 600.0)
    offered_s = sum(request.service_s for request in trace.requests)
    assert offered_s / (600.0 * trace.capacity) == pytest.approx(2.5, rel=0.05)
    assert sum(request.size == "large" for request in trace.requests) / len(trace.requests) == pytest.approx(
        0.1, abs=0.01
    )


def test_a_burst_is_two_minutes_at_two_and_a_half_times_the_capacity():
    trace = workloads.burst(1)
    begin, end = trace.marks["begin"], trace.marks["end"]
    assert end - begin == 120
    for start, stop, load in ((0, begin, 0.7), (begin, end, 2.5), (end, trace.marks["last"], 0.7)):
        offered_s = sum(r.service_s for r in trace.requests if start <= r.arrival_s < stop)
        assert offered_s / ((stop - start) * trace.capacity) == pytest.approx(load, rel=0.2)


def test_a_noisy_neighbour_asks_for_ten_times_as_much():
    counts = Counter(request.tenant for request in workloads.noisy_neighbour(1).requests)
    assert counts["noisy"] / counts["quiet"] == pytest.approx(10, rel=0.15)


def test_six_of_eight_provers_are_lost():
    trace = workloads.worker_loss(1)
    assert len({outage.prover for outage in trace.outages}) == 6
    assert trace.provers == 8


def test_equal_seeds_make_equal_traces_and_others_do_not():
    assert workloads.burst(5).requests == workloads.burst(5).requests
    assert workloads.burst(5).requests != workloads.burst(6).requests


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("DeFi swaps", 0.08, 0.12),
        ("DeFi swaps, 1,000 pools", 0.11, 0.16),
        ("DeFi swaps, 20 pools", 0.25, 0.31),
        ("GameFi mints", 0, 0.01),
    ],
)
def test_the_hottest_written_key_of_a_workload_has_its_share(name, least, most):
    requests = workloads.with_conflicts(1, name, 2000).requests
    counts = Counter(key for request in requests for key in request.writes)
    assert least <= max(counts.values()) / len(requests) <= most


def test_four_in_five_of_the_mixed_workload_only_read():
    requests = workloads.with_conflicts(2, "mixed 80/20", 2000).requests
    assert sum(not request.writes for request in requests) / len(requests) == pytest.approx(0.8, abs=0.03)
