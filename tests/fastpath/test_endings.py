"""Jobs that are cancelled or expire, and how long what has finished is kept."""

import pytest

from fastpath.errors import Cancelled, DeadlineExceeded, UnknownJob
from tests.fastpath.driving import answer, known, scheduler, states, submit


def test_cancel_reaches_waiting_and_running_jobs_for_good():
    target = scheduler(first_group=1)
    job_ids = submit(target, count=3)
    dispatch = target.next_dispatch(0.0)
    assert target.cancel(1.0, job_ids[2]).cancelled == 1
    cancellation = target.cancel(1.0, "B")
    assert (cancellation.cancelled, cancellation.running, cancellation.already_finished) == (2, 1, 1)
    effects = target.take_effects()
    assert effects.stops == {"w0": [job_ids[0]]}
    assert effects.finished == {"B"}
    answer(target, 2.0, dispatch)
    assert states(target) == ["cancelled"] * 3
    assert all(isinstance(record.error, Cancelled) for record in target.records("B"))
    assert target.next_dispatch(2.0) is None
    assert target.stats(2.0).counters.late_results == 1
    assert target.cancel(3.0, "B").already_finished == 3


def test_a_job_that_ran_twice_says_nothing_of_predictions():
    target = known(workers=2)
    before = target.stats(0.0).forecast_error
    submit(target, 100.0)
    target.worker_lost(150.0, target.next_dispatch(100.0))
    answer(target, 200.0, target.next_dispatch(199.0))  # after a hundred times what was predicted
    assert states(target) == ["done"]
    assert target.stats(200.0).forecast_error == before
    submit(target, 300.0, batch_id="C")
    answer(target, 400.0, target.next_dispatch(300.0))
    assert target.stats(400.0).forecast_error != before


@pytest.mark.parametrize("unknown", ["X", "X-0000000", "B-0000009", "B-?"])
def test_unknown_ids_are_refused(unknown):
    target = scheduler()
    submit(target)
    for ask in (lambda: target.cancel(0.0, unknown), lambda: target.status(0.0, unknown)):
        with pytest.raises(UnknownJob):
            ask()


def test_deadlines_end_waiting_and_running_jobs_and_no_expired_job_is_sent():
    target = scheduler(first_group=1)
    submit(target, count=2, deadline_s=10.0)
    dispatch = target.next_dispatch(0.0)
    assert target.next_event() == 10.0
    target.expire(10.0)
    assert states(target) == ["expired"] * 2
    assert isinstance(target.records("B")[0].error, DeadlineExceeded)
    assert target.take_effects().stops == {"w0": [dispatch.jobs[0].job_id]}
    answer(target, 11.0, dispatch)
    assert target.next_dispatch(11.0) is None
    assert states(target) == ["expired"] * 2


def test_results_are_dropped_when_acknowledged_aged_or_too_many():
    target = scheduler(first_group=10, result_ttl_s=100.0, max_results=10)
    for i, batch_id in enumerate("ABC"):
        submit(target, float(i), count=5, batch_id=batch_id)
        answer(target, float(i), target.next_dispatch(float(i)))
    with pytest.raises(UnknownJob):  # the oldest made room
        target.records("A")
    target.acknowledge("B")
    with pytest.raises(UnknownJob, match="acknowledged"):
        target.records("B")
    assert target.next_event() == 102.0
    target.expire(101.9)
    assert len(target.records("C")) == 5
    target.expire(102.0)
    with pytest.raises(UnknownJob):
        target.records("C")


def test_the_records_of_the_last_batch_stay_however_many():
    target = scheduler(max_results=3)
    submit(target, count=5, deadline_s=1.0, batch_id="A")
    submit(target, count=5, deadline_s=1.0, batch_id="B")
    target.cancel(0.5, "B")
    target.expire(1.0)
    assert len(target.records("A")) == 5
    with pytest.raises(UnknownJob):
        target.records("B")


def test_a_batch_acknowledged_early_is_dropped_when_it_has_finished():
    target = scheduler()
    submit(target)
    target.acknowledge("B")
    answer(target, 1.0, target.next_dispatch(0.0))
    with pytest.raises(UnknownJob):
        target.records("B")
    assert target.take_effects().finished == {"B"}
