import random

import pytest

from fastpath.errors import BadRequest
from fastpath.workers import WorkerOffer, Workers


def workers(**offers):
    made = Workers(random.Random(1), lambda _key: 0.0)
    for name, offer in offers.items():
        made.add(name, offer)
    return made


def test_calls_occupy_slots_and_memory():
    made = workers(w=WorkerOffer(2, device_bytes=100))
    demand = made.get("w").demand(30.0, jobs=5)
    made.call_started("w", 5, demand)
    assert (made.free_slots, made.working_slots, made.jobs_in_flight) == (1, 2, 5)
    assert made.memory.free("device of w") == 70
    made.call_ended("w", 5, demand)
    assert (made.free_slots, made.memory.free("device of w")) == (2, 100)


def test_memory_is_drawn_for_the_jobs_that_run_side_by_side():
    made = workers(
        gpu=WorkerOffer(device_bytes=100, parallel=3),
        a=WorkerOffer(host="node", host_bytes=1000),
        b=WorkerOffer(host="node", host_bytes=1000),
        unknown=WorkerOffer(),
    )
    assert made.get("gpu").demand(10.0, 8) == {"device of gpu": 30.0}
    assert made.get("gpu").demand(10.0, 2) == {"device of gpu": 20.0}
    assert made.get("a").demand(10.0, 8) == made.get("b").demand(10.0, 1) == {"host node": 10.0}
    assert made.get("unknown").demand(10.0, 1) == made.get("a").demand(0.0, 1) == {}


def test_a_lost_worker_has_no_slots_until_revived_and_is_lost_once():
    made = workers(w=WorkerOffer(2))
    made.get("w").keys.use("k")
    assert made.lost("w")
    assert not made.lost("w")
    assert (made.free_slots, made.working_slots, made.slots) == (0, 0, 2)
    assert "k" not in made.get("w").keys
    made.revive("w")
    assert made.free_slots == 2
    assert made.stats()[0].losses == 1


def test_a_worker_in_quarantine_is_probed_before_it_gets_work():
    made = workers(w=WorkerOffer())
    made.get("w").breaker.quarantine(0.0)
    assert made.free_slots == 0
    due = made.next_probe()
    assert made.take_probes(due - 0.01) == []
    made.lost("w")
    assert made.next_probe() is None
    assert made.take_probes(due) == []
    made.revive("w")
    assert made.take_probes(due) == ["w"]
    made.get("w").breaker.probed(due, passed=True)
    assert made.free_slots == 1


def test_another_offer_keeps_what_runs():
    made = workers(w=WorkerOffer(1))
    made.call_started("w", 3, {})
    made.get("w").completed = 7
    made.add("w", WorkerOffer(2))
    assert (made.free_slots, made.jobs_in_flight, made.stats()[0].completed) == (1, 3, 7)


def test_events_of_forgotten_workers_are_ignored():
    made = workers()
    made.remove("w")
    made.revive("w")
    made.call_ended("w", 1, {})
    assert not made.lost("w")
    assert made.get("w") is None
    assert len(made) == 0


def test_kinds_count_the_slots_that_could_be_used():
    made = workers(a=WorkerOffer(2), b=WorkerOffer(1), g=WorkerOffer(4, device="cuda", backend="cuda"))
    assert made.kinds() == {("cpu", ""): 3, ("cuda", "cuda"): 4}
    made.lost("g")
    assert made.kinds() == {("cpu", ""): 3}
    made.lost("a")
    made.lost("b")
    assert made.kinds() == {("cpu", ""): 3, ("cuda", "cuda"): 4}


@pytest.mark.parametrize(("name", "slots"), [("", 1), (None, 1), ("w", 0), ("w", True), ("w", 1.5), ("w", 1025)])
def test_malformed_workers_are_refused(name, slots):
    with pytest.raises(BadRequest):
        workers().add(name, WorkerOffer(slots))


@pytest.mark.parametrize("field", ["device_bytes", "host_bytes", "key_slots", "device", "parallel"])
def test_malformed_offers_are_refused_by_field(field):
    with pytest.raises(BadRequest, match=field):
        workers().add("w", WorkerOffer(**{field: -1}))


def test_what_is_no_offer_is_refused():
    with pytest.raises(BadRequest, match="WorkerOffer"):
        workers().add("w", 2)


@pytest.mark.parametrize(
    ("rates", "threads", "cpus", "wanted"),
    [
        ((), 4, 8, 0),
        (((1, 1.0), (2, 1.9), (4, 1.92)), 4, 8, 2),
        (((1, 1.0), (2, 1.9), (4, 3.6)), 4, 8, 8),
        (((1, 1.0), (2, 1.9), (4, 3.6)), 4, 0, 4),
        (((1, 1.0),), 0, 0, 0),
    ],
)
def test_advice_on_threads_follows_what_the_worker_measured(rates, threads, cpus, wanted):
    made = workers(w=WorkerOffer(threads=threads, cpus=cpus, thread_rates=rates))
    (stats,) = made.stats()
    assert (stats.threads, stats.wanted_threads) == (threads, wanted)


@pytest.mark.parametrize("field", [{"thread_rates": ((0, 1.0),)}, {"thread_rates": ((1, 0.0),)}, {"reports": 1}])
def test_nonsense_about_threads_and_reports_is_refused(field):
    with pytest.raises(BadRequest):
        workers().add("w", WorkerOffer(**field))
