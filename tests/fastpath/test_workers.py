import pytest

from fastpath.errors import BadRequest
from fastpath.workers import Workers


def test_the_least_loaded_worker_is_chosen_but_not_the_avoided_one():
    workers = Workers()
    workers.add("small", 1)
    workers.add("large", 4)
    workers.call_started("large", 10)
    assert workers.choose() == "small"
    assert workers.choose(avoid="small") == "large"
    workers.call_started("small", 10)
    assert workers.choose(avoid="large") == "large"
    assert (workers.free_slots, workers.alive_slots, workers.jobs_in_flight) == (3, 5, 20)


def test_a_lost_worker_has_no_slots_until_revived_and_is_lost_once():
    workers = Workers()
    workers.add("w", 2)
    assert workers.lost("w")
    assert not workers.lost("w")
    assert (workers.free_slots, workers.alive_slots) == (0, 0)
    workers.revive("w")
    assert workers.free_slots == 2
    assert workers.stats()[0].losses == 1


def test_events_of_forgotten_workers_are_ignored():
    workers = Workers()
    workers.remove("w")
    workers.revive("w")
    workers.call_ended("w", 1)
    workers.job_completed("w")
    assert not workers.lost("w")
    assert len(workers) == 0


@pytest.mark.parametrize(("name", "slots"), [("", 1), (None, 1), ("w", 0), ("w", True), ("w", 1.5)])
def test_malformed_workers_are_refused(name, slots):
    with pytest.raises(BadRequest):
        Workers().add(name, slots)
