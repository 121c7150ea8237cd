"""The scheduler as a whole: groups and order, what is told, and what a tick says."""

from collections import Counter

import pytest

from fastpath.decisions import Outcome
from fastpath.job import JobState
from tests.fastpath.driving import answer, known, scheduler, submit


def test_a_batch_is_run_in_groups_of_one_key_and_every_result_kept():
    target = scheduler(first_group=4)
    job_ids = submit(target, count=6)
    first = target.next_dispatch(1.0)
    assert [job.job_id for job in first.jobs] == job_ids[:4]
    assert (first.worker, first.key_id) == ("w0", "k")
    assert target.next_dispatch(1.0) is None
    answer(target, 2.0, first)
    answer(target, 3.0, target.next_dispatch(2.0))
    records = target.records("B")
    assert [record.job_id for record in records] == job_ids
    assert {(record.state, record.payload, record.error, record.starts) for record in records} == {
        (JobState.DONE, b"proof", None, 1)
    }
    assert (records[0].latency_s, records[-1].latency_s) == (2.0, 3.0)
    assert target.records("B", seen=5) == records[5:]
    effects = target.take_effects()
    assert effects.changed == effects.finished == {"B"}
    assert target.stats(3.0).held_jobs == target.stats(3.0).held_bytes == 0


def test_groups_grow_to_last_as_long_as_wanted():
    target = scheduler(first_group=2, group_target_s=2.0, max_group=30)
    submit(target, count=200)
    sizes, now = [], 0.0
    for _ in range(4):
        dispatch = target.next_dispatch(now)
        sizes.append(len(dispatch.jobs))
        now += 0.1 * len(dispatch.jobs)
        answer(target, now, dispatch)
    assert sizes == [2, 20, 20, 20]
    target = scheduler(first_group=2, max_group=30)
    submit(target, count=200)
    answer(target, 0.001, target.next_dispatch(0.0))
    assert len(target.next_dispatch(0.001).jobs) == 30


def test_what_waits_is_shared_evenly_among_the_slots():
    target = scheduler(workers=2, slots=2, first_group=100)
    submit(target, count=10)
    dispatches = [target.next_dispatch(0.0) for _ in range(4)]
    assert [len(dispatch.jobs) for dispatch in dispatches] == [3, 2, 2, 1]  # two are left for who is done first
    assert Counter(dispatch.worker for dispatch in dispatches) == {"w0": 2, "w1": 2}


def test_urgent_batches_overtake():
    target = scheduler(max_group=1)
    submit(target, batch_id="A")
    submit(target, batch_id="B", priority=9)
    submit(target, batch_id="C", deadline_s=100.0)
    order = []
    while dispatch := target.next_dispatch(1.0):
        order.append(dispatch.jobs[0].batch_id)
        answer(target, 1.0, dispatch)
    assert order == ["C", "B", "A"]


def test_status_describes_batches_and_jobs():
    target = scheduler(first_group=1)
    job_ids = submit(target, 1.0, count=2, deadline_s=5.0, submitter="me")
    target.next_dispatch(1.0)
    batch = target.status(3.0, "B")
    assert (batch.count, batch.states, batch.finished, batch.submitter, batch.age_s) == (
        2,
        {"running": 1, "queued": 1},
        False,
        "me",
        2.0,
    )
    job = target.status(3.0, job_ids[0])
    assert (job.state, job.index, job.starts, job.deadline_in_s) == ("running", 0, 1, 3.0)


def test_remaining_time_is_predicted_for_jobs_and_batches():
    target = known(seconds=2.0, max_group=1)
    job_ids = submit(target, count=5)
    dispatch = target.next_dispatch(0.0)
    assert target.status(0.5, job_ids[0]).remaining_s == pytest.approx(1.5)
    assert target.status(0.5, "B").remaining_s == pytest.approx(9.5, abs=0.1)
    answer(target, 2.0, dispatch)
    assert target.status(2.0, job_ids[0]).remaining_s == 0.0
    target.cancel(2.0, "B")
    assert target.status(2.0, "B").remaining_s == 0.0


def test_stages_and_the_error_of_predictions_are_measured():
    target = known(seconds=2.0, max_group=1)
    submit(target, count=2)
    now = 0.0
    for _ in range(2):
        dispatch = target.next_dispatch(now)
        now += 2.0
        answer(target, now, dispatch, Outcome(b"p", b"", None, 2.0))
    stats = target.stats(now)
    stages = stats.latency_by_stage["k"]
    assert stages["service"].p50_ms == pytest.approx(2000, rel=0.01)
    assert stages["queue"].max_ms == pytest.approx(2000)
    assert stats.forecast_error[0] < 0.05


def test_a_tick_tells_everything_that_is_to_be_done():
    target = scheduler(workers=2, first_group=1)
    submit(target, count=3, deadline_s=50.0)
    decisions = target.tick(0.0)
    assert len(decisions.dispatches) == 2
    assert decisions.next_event == 50.0
    assert decisions.effects.finished == set()
    target.cancel(1.0, "B")
    effects = target.tick(1.0).effects
    assert effects.finished == effects.changed == {"B"}
    assert sum(map(len, effects.stops.values())) == 2
    assert target.tick(2.0).effects.stops == {}
