import itertools
import math
import random
from collections import Counter

import pytest

from fastpath.conflicts import Access
from fastpath.decisions import Outcome
from fastpath.errors import (
    BadRequest,
    Cancelled,
    DeadlineExceeded,
    IdempotencyConflict,
    Overloaded,
    Unavailable,
    UnknownJob,
    WorkerLost,
)
from fastpath.job import JobState
from fastpath.runs import runs_in
from fastpath.scheduler import Scheduler
from fastpath.settings import SchedulerSettings
from fastpath.submission import Submission
from fastpath.workers import WorkerOffer

OK = Outcome(b"proof", b"inputs", None, 0.1)


class FaultError(Exception):
    retryable = True


def scheduler(workers=1, slots=1, seed=1, **settings):
    made = Scheduler(SchedulerSettings(**settings), random.Random(seed))
    for i in range(workers):
        made.add_worker(f"w{i}", WorkerOffer(slots))
    return made


def submit(target, now=0.0, count=1, batch_id="B", **fields):
    submission = Submission(**{"key_id": "k", "item_bytes": 10} | fields | {"count": count})
    return list(target.submit(now, batch_id, submission).job_ids)


def answer(target, now, dispatch, outcome=OK):
    target.completed(now, dispatch, [outcome] * len(dispatch.jobs))


def states(target, batch_id="B"):
    return [record.state.value for record in sorted(target.records(batch_id), key=lambda record: record.index)]


# --- grouping and order


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


# --- refusal


def test_a_batch_that_does_not_fit_is_refused_whole():
    target = scheduler(max_jobs=10, max_bytes=1000)
    submit(target, batch_id="A", count=8)
    before = target.stats(0.0)
    for change in ({"count": 3}, {"count": 2, "item_bytes": 470}):
        with pytest.raises(Overloaded) as refusal:
            submit(target, batch_id="B", **change)
        assert refusal.value.retry_after_s > 0
    with pytest.raises(UnknownJob):
        target.records("B")
    after = target.stats(0.0)
    assert (after.queue_length, after.held_jobs, after.held_bytes) == (8, 8, before.held_bytes)
    assert after.counters.refused == 5
    submit(target, 100.0, batch_id="B", count=2)  # nobody came for the places that were promised


def test_who_returns_at_the_promised_time_finds_room():
    target = scheduler(max_jobs=20, first_group=1, max_group=1)
    submit(target, batch_id="A", count=20)
    now = 0.0
    for _ in range(4):  # the cost becomes known: half a second a job
        dispatch = target.next_dispatch(now)
        now += 0.5
        target.completed(now, dispatch, [Outcome(b"p", b"", None, 0.5)])
    with pytest.raises(Overloaded) as refusal:
        submit(target, now, batch_id="B", count=10)
    back = now + refusal.value.retry_after_s
    while now < back:
        dispatch = target.next_dispatch(now)
        now += 0.5
        target.completed(now, dispatch, [Outcome(b"p", b"", None, 0.5)])
    with pytest.raises(Overloaded):  # the room is kept
        submit(target, now, batch_id="C", count=10)
    submit(target, now, batch_id="B", count=10, ticket=refusal.value.ticket)


def test_wrong_submissions_leave_no_trace():
    target = scheduler()
    with pytest.raises(BadRequest):
        submit(target, count=0)
    assert target.stats(0.0).counters == scheduler().stats(0.0).counters
    assert target.next_event() is None


def test_nothing_is_taken_without_workers_or_while_draining():
    target = scheduler(workers=0)
    with pytest.raises(Unavailable, match="no worker"):
        submit(target)
    target.add_worker("w0", WorkerOffer(1))
    submit(target)
    target.draining = True
    with pytest.raises(Unavailable, match="draining"):
        submit(target, batch_id="C")
    assert target.next_dispatch(0.0) is not None


# --- errors of items


def test_a_fatal_error_fails_its_item_alone_and_at_once():
    target = scheduler(first_group=3)
    submit(target, count=3)
    error = ValueError("constraint 3")
    target.completed(1.0, target.next_dispatch(0.0), [OK, Outcome(error=error), OK])
    assert states(target) == ["done", "failed", "done"]
    assert next(record.error for record in target.records("B") if record.index == 1) is error
    assert target.stats(1.0).retry_count == 0


def run_one_of(target, seconds):
    """Let the scheduler measure what a job costs."""
    submit(target, -seconds, batch_id="measured")
    target.completed(0.0, target.next_dispatch(-seconds), [Outcome(b"p", b"", None, seconds)])
    target.acknowledge("measured")


def test_a_retryable_error_is_retried_with_jitter_on_another_worker():
    target = scheduler(workers=2)
    run_one_of(target, seconds=10.0)
    submit(target)
    first = target.next_dispatch(0.0)
    target.completed(1.0, first, [Outcome(error=FaultError("once"), seconds=1.0)])
    due = target.next_event()
    assert 1.5 < due <= 11.0  # full jitter on the ten seconds that a job takes
    assert target.next_dispatch(due - 1e-6) is None
    second = target.next_dispatch(due)
    assert second.worker != first.worker
    answer(target, due + 1, second)
    assert states(target) == ["done"]
    assert target.stats(due + 1).retry_count == 1


def test_attempts_are_capped_and_the_real_error_is_shown():
    target = scheduler(attempts=3)
    submit(target)
    now, starts = 0.0, 0
    while not target.finished("B"):
        now = target.next_event() or now
        if dispatch := target.next_dispatch(now):
            starts += 1
            target.completed(now, dispatch, [Outcome(error=FaultError(f"run {starts}"))])
    assert starts == 3
    assert str(target.records("B")[0].error) == "run 3"


def test_no_retry_starts_that_cannot_end_before_the_deadline():
    target = scheduler()
    run_one_of(target, seconds=3.0)
    submit(target, deadline_s=5.0)
    target.completed(3.0, target.next_dispatch(0.0), [Outcome(error=FaultError("slow"), seconds=3.0)])
    assert states(target) == ["failed"]
    assert isinstance(target.records("B")[0].error, FaultError)


def test_retries_are_bounded_by_the_budget():
    target = scheduler(workers=1, first_group=1, max_group=1)
    submit(target, count=2_000)
    now = 0.0
    while not target.finished("B"):
        if dispatch := target.next_dispatch(now):
            target.completed(now, dispatch, [Outcome(error=FaultError("always"))])
        else:
            now = target.next_event()
    assert 190 <= target.stats(now).retry_count <= 200


# --- lost workers


def test_jobs_of_a_lost_worker_run_again_and_are_not_charged():
    target = scheduler(workers=2, first_group=4)
    submit(target, count=4)
    first = target.next_dispatch(0.0)
    assert len(first.jobs) == 2
    target.worker_lost(1.0, first)
    target.worker_lost(1.0, first)  # reported twice: once by the call, once by its watch
    finish_all(target, 1.0)
    assert states(target) == ["done"] * 4
    stats = target.stats(9.0)
    assert (stats.counters.worker_losses, stats.counters.requeued, stats.failed) == (1, 2, 0)
    assert [worker.alive for worker in stats.workers] == [worker.name != first.worker for worker in stats.workers]


def finish_all(target, now):
    while target.unfinished:
        if dispatch := target.next_dispatch(now):
            answer(target, now + 0.01, dispatch)
        else:
            now = max(now, target.next_event() or math.nan)
    return now


def test_a_lost_worker_gets_nothing_until_it_is_back():
    target = scheduler()
    submit(target)
    target.worker_lost(0.0, target.next_dispatch(0.0))
    assert target.next_dispatch(100.0) is None
    assert target.next_event() is None or target.next_event() > 100.0
    target.worker_back("w0")
    assert target.next_dispatch(100.0) is not None


@pytest.mark.parametrize("poison", [0, 37, 63])
def test_a_job_that_ends_workers_is_isolated_and_the_others_complete(poison):
    target = scheduler(first_group=64)
    submit(target, count=64)
    now, losses = 0.0, 0
    while target.unfinished:
        dispatch = target.next_dispatch(now)
        if dispatch is None:
            now = target.next_event()
        elif any(job.row == poison for job in dispatch.jobs):
            losses += 1
            target.worker_lost(now, dispatch)
            target.worker_back("w0")
        else:
            answer(target, now, dispatch)
    assert states(target) == ["dead-letter" if row == poison else "done" for row in range(64)]
    assert losses <= 8  # 64, 32, ..., 1, and once more alone
    assert target.stats(now).counters.dead_lettered == 1


def test_a_call_that_raises_fails_only_the_item_that_made_it():
    target = scheduler(first_group=8)
    submit(target, count=8)
    now = 0.0
    while target.unfinished:
        dispatch = target.next_dispatch(now)
        if dispatch is None:
            now = target.next_event()
        elif any(job.row == 5 for job in dispatch.jobs):
            target.call_failed(now, dispatch, RuntimeError("row 5"))
        else:
            answer(target, now, dispatch)
    assert states(target) == ["failed" if row == 5 else "done" for row in range(8)]
    assert target.stats(now).counters.worker_losses == 0


def test_a_late_result_is_accepted_once_and_its_double_dropped():
    target = scheduler(workers=2)
    submit(target)
    first = target.next_dispatch(0.0)
    target.worker_lost(1.0, first)
    second = target.next_dispatch(target.next_event())
    answer(target, 2.0, first, Outcome(b"late", b"", None, 1.0))
    assert [record.payload for record in target.records("B")] == [b"late"]
    assert target.take_effects().stops == {second.worker: [second.jobs[0].job_id]}
    answer(target, 3.0, second, Outcome(b"double", b"", None, 1.0))
    assert [record.payload for record in target.records("B")] == [b"late"]
    stats = target.stats(3.0)
    assert (stats.counters.completed, stats.counters.late_results, stats.in_flight) == (1, 1, 0)


def test_a_late_result_of_a_waiting_job_takes_it_out_of_the_queue():
    target = scheduler()
    submit(target)
    first = target.next_dispatch(0.0)
    target.worker_lost(1.0, first)
    answer(target, 1.0, first)
    target.worker_back("w0")
    assert states(target) == ["done"]
    assert target.next_dispatch(100.0) is None
    assert target.stats(100.0).queue_length == 0


def test_a_late_error_says_nothing_of_the_run_that_replaces_it():
    target = scheduler()
    submit(target)
    first = target.next_dispatch(0.0)
    target.worker_lost(1.0, first)
    answer(target, 1.0, first, Outcome(error=ValueError("killed")))
    assert target.records("B") == []
    target.worker_back("w0")
    finish_all(target, 1.0)
    assert states(target) == ["done"]


def test_a_worker_that_answers_too_few_jobs_loses_none():
    target = scheduler(first_group=4)
    submit(target, count=4)
    target.completed(0.0, target.next_dispatch(0.0), [OK])
    finish_all(target, 0.0)
    assert states(target) == ["done"] * 4


def test_jobs_fail_when_the_last_worker_has_ended_for_good():
    target = scheduler(workers=2, first_group=1)
    submit(target, count=3)
    target.next_dispatch(0.0)
    target.remove_worker(1.0, "w0")
    assert not target.finished("B")
    target.remove_worker(1.0, "w1")
    assert states(target) == ["failed"] * 3
    assert {type(record.error) for record in target.records("B")} <= {Unavailable, WorkerLost}


# --- cancel, expire, keep


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


def test_errors_say_nothing_of_the_cost():
    target = scheduler(first_group=2, group_target_s=2.0)
    submit(target, count=100)
    answer(target, 1.0, target.next_dispatch(0.0), Outcome(error=ValueError()))
    second = target.next_dispatch(1.0)
    assert len(second.jobs) == 2
    target.completed(3.0, second, [Outcome(error=ValueError()), Outcome(b"p", b"", None, 0.5)])
    assert len(target.next_dispatch(3.0).jobs) == 4


def test_a_batch_acknowledged_early_is_dropped_when_it_has_finished():
    target = scheduler()
    submit(target)
    target.acknowledge("B")
    answer(target, 1.0, target.next_dispatch(0.0))
    with pytest.raises(UnknownJob):
        target.records("B")
    assert target.take_effects().finished == {"B"}


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


# --- failure classes


class CodedError(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


def test_a_group_that_runs_out_of_memory_is_halved_without_charge():
    target = scheduler(first_group=8)
    submit(target, count=8)
    now, sizes = 0.0, []
    while target.unfinished:
        dispatch = target.next_dispatch(now)
        if dispatch is None:
            now = target.next_event()
            continue
        sizes.append(len(dispatch.jobs))
        fits = len(dispatch.jobs) <= 2
        answer(target, now, dispatch, OK if fits else Outcome(error=MemoryError()))
    assert states(target) == ["done"] * 8
    assert sizes[0] == max(sizes) == 8
    assert max(sizes[1:]) <= 4
    assert target.stats(now).errors["MemoryError"] >= 8


def test_a_job_that_runs_out_of_memory_alone_goes_to_another_device():
    target = scheduler(workers=0)
    target.add_worker("gpu", WorkerOffer(device="cuda"))
    target.add_worker("cpu", WorkerOffer(device="cpu"))
    submit(target)
    now, devices = 0.0, []
    while target.unfinished:
        dispatch = target.next_dispatch(now)
        if dispatch is None:
            now = target.next_event()
            continue
        devices.append(dispatch.worker)
        answer(target, now, dispatch, OK if dispatch.worker == "cpu" else Outcome(error=MemoryError()))
    assert states(target) == ["done"]
    assert devices in (["cpu"], ["gpu", "cpu"])


def test_an_invalid_proof_quarantines_its_device_until_a_known_answer():
    target = scheduler(workers=0, max_group=1)
    target.add_worker("bad", WorkerOffer(device="cuda"))
    submit(target)
    dispatch = target.next_dispatch(0.0)
    answer(target, 0.0, dispatch, Outcome(error=CodedError("invalid_proof"), seconds=1.0))
    decisions = target.tick(0.0)
    assert decisions.effects.recycles == ["bad"]
    assert "bad" in decisions.effects.alarms[0]
    assert decisions.effects.probes == []
    stats = target.stats(0.0)
    assert (stats.counters.invalid_proofs, stats.counters.alarms, stats.counters.wasted_s) == (1, 1, 1.0)
    assert stats.workers[0].breaker == "open"
    target.add_worker("good", WorkerOffer())
    decisions = target.tick(5.0)
    assert [call.worker for call in decisions.dispatches] == ["good"]
    answer(target, 6.0, decisions.dispatches[0])
    assert states(target) == ["done"]
    target.worker_back("bad")  # the process is there again, but not trusted yet
    decisions = target.tick(10.0)
    assert decisions.effects.probes == ["bad"]
    target.probed(10.0, "bad", passed=False)
    submit(target, 10.0, count=10, batch_id="C")
    assert {call.worker for call in target.tick(10.0).dispatches} == {"good"}
    again = target.tick(target.next_event())
    assert again.effects.probes == ["bad"]
    target.probed(20.0, "bad", passed=True)
    assert "bad" in {call.worker for call in target.tick(20.0).dispatches}


def test_jobs_of_a_worker_that_is_restarted_for_its_device_are_innocent():
    target = scheduler(workers=0, first_group=1)
    target.add_worker("w", WorkerOffer(2))
    submit(target, count=2)
    first, second = target.tick(0.0).dispatches
    for round_ in range(3):
        answer(target, 0.0, first, Outcome(error=CodedError("invalid_proof")))
        target.worker_lost(0.0, second)
        target.worker_back("w")
        now = 1000.0 * (round_ + 1)
        assert target.tick(now).effects.probes == ["w"]
        target.probed(now, "w", passed=True)
        first, second = target.tick(now).dispatches
    answer(target, 1e4, first)
    answer(target, 1e4, second)
    assert states(target) == ["done", "done"]


def test_a_device_that_fails_call_after_call_is_taken_out():
    target = scheduler(workers=2, slots=8, first_group=1, attempts=20)
    submit(target, count=40)
    now, on_bad = 0.0, 0
    while target.unfinished:
        dispatch = target.next_dispatch(now)
        if dispatch is None:
            now = target.next_event() or now + 1
            continue
        bad = dispatch.worker == "w0"
        on_bad += bad
        answer(target, now, dispatch, Outcome(error=CodedError("device_fault")) if bad else OK)
    assert states(target) == ["done"] * 40
    assert on_bad == 3
    assert target.stats(now).workers[0].breaker != "closed"


@pytest.mark.parametrize("code", ["out_of_memory", "device_fault", "invalid_proof"])
def test_what_speaks_against_a_device_is_charged_only_where_it_comes_again(code):
    target = scheduler(workers=0, attempts=2)
    for i in range(4):
        target.add_worker(f"w{i}", WorkerOffer(device=f"d{i}"))
    submit(target)
    now, devices = 0.0, []
    while target.unfinished:
        dispatch = target.next_dispatch(now)
        if dispatch is None:
            now = target.next_event()
            continue
        devices.append(dispatch.worker)
        answer(target, now, dispatch, Outcome(error=CodedError(code)))
    assert states(target) == ["failed"]
    assert len(set(devices)) == len(devices) == 4  # two are forgiven, two are charged, and each is elsewhere


def test_a_timeout_is_charged_and_a_loss_is_not():
    target = scheduler(attempts=2)
    submit(target)
    now = 0.0
    for _ in range(2):
        dispatch = target.next_dispatch(now)
        target.worker_lost(now, dispatch, timed_out=True)
        target.worker_back("w0")
        now = target.next_event() or now
    assert states(target) == ["dead-letter"]
    assert "no answer in time" in str(target.records("B")[0].error)
    assert target.stats(now).counters.timeouts == 2


# --- admission


def known(seconds=1.0, **options):
    """A scheduler whose key costs are known."""
    target = scheduler(**options)
    for i in range(3):
        submit(target, batch_id=f"measured{i}", deadline_s=None)
        answer(target, 0.0, target.next_dispatch(-seconds), Outcome(b"p", b"", None, seconds))
    return target


def test_what_would_end_too_late_is_refused_at_once():
    target = known(workers=2)
    submit(target, count=20, deadline_s=20.0, batch_id="A")
    with pytest.raises(Overloaded) as refusal:
        submit(target, count=30, deadline_s=21.0)
    assert 1.0 < refusal.value.retry_after_s < 30.0
    assert refusal.value.ticket
    submit(target, count=2, deadline_s=5.0, batch_id="B")  # earlier deadlines go first
    stats = target.stats(0.0)
    assert (stats.counters.refused, stats.promises, stats.tenants[0].refused) == (30, 1, 30)


def test_who_returns_with_the_ticket_is_taken_although_new_work_is_refused():
    target = known(workers=2)
    now, number, refused, came_back = 0.0, itertools.count(), [], []
    arrivals = random.Random(4)
    calls = []
    while now < 200.0:
        for dispatch in [call for call in calls if call[0] <= now]:
            calls.remove(dispatch)
            outcomes = [Outcome(b"p", b"", None, 1.0)] * len(dispatch[1].jobs)
            target.completed(now, dispatch[1], outcomes)
        for due, ticket in [place for place in refused if place[0] <= now]:
            refused.remove((due, ticket))
            try:
                submit(target, now, batch_id=f"R{next(number)}", deadline_s=10.0, ticket=ticket)
                came_back.append(True)
            except Overloaded:
                came_back.append(False)
        if arrivals.random() < 0.5:  # 5 a second where 2 can be done
            try:
                submit(target, now, batch_id=f"N{next(number)}", deadline_s=10.0)
            except Overloaded as refusal:
                refused.append((now + refusal.retry_after_s, refusal.ticket))
        calls += [(now + len(call.jobs), call) for call in target.tick(now).dispatches]
        now += 0.1
    counters = target.stats(now).counters
    assert len(came_back) > 20
    assert sum(came_back) >= 0.95 * len(came_back)
    assert counters.completed >= 0.95 * 2 * 200
    assert counters.wasted_s <= 0.02 * counters.completed


def test_a_deadline_that_nothing_could_meet_is_refused_for_good_but_tried_now_and_then():
    target = known(seconds=5.0)
    submit(target, deadline_s=3.0, batch_id="trial")
    with pytest.raises(DeadlineExceeded, match="cannot end within 3 s"):
        submit(target, deadline_s=3.0)
    dispatch = target.next_dispatch(0.0)
    assert [job.trial for job in dispatch.jobs] == [True]
    answer(target, 1.0, dispatch, Outcome(b"p", b"", None, 1.0))
    submit(target, 60.0, deadline_s=3.0)  # again a trial


def test_before_anything_is_measured_nobody_is_refused_for_a_guess():
    target = scheduler()
    submit(target, count=1000, deadline_s=1.0, domain_size=1 << 20)


def test_a_quiet_tenant_is_served_beside_a_noisy_one():
    target = known(workers=1, max_group=1)
    submit(target, count=50, tenant="noisy", batch_id="A")
    submit(target, count=2, tenant="quiet", deadline_s=10.0, batch_id="B")
    order, now = [], 0.0
    while not target.finished("B"):
        dispatch = target.next_dispatch(now)
        order.append(dispatch.jobs[0].tenant)
        now += 1.0
        answer(target, now, dispatch, Outcome(b"p", b"", None, 1.0))
    assert order.count("noisy") <= 4
    by_name = {tenant.tenant: tenant for tenant in target.stats(now).tenants}
    assert (by_name["quiet"].completed, by_name["quiet"].held, by_name["noisy"].submitted) == (2, 0, 50)


def test_more_tenants_than_allowed_are_refused():
    target = scheduler(max_tenants=2)
    submit(target, tenant="a", batch_id="A")
    submit(target, tenant="b", batch_id="B")
    with pytest.raises(Overloaded, match="2 tenants"):
        submit(target, tenant="c", batch_id="C")
    submit(target, tenant="a", batch_id="C")


# --- idempotency and conflicts


def test_the_same_submission_twice_is_one_batch():
    target = scheduler()
    first = submit(target, count=2, idempotency_key="i", digest=b"d")
    again = target.submit(0.0, "C", Submission(key_id="k", count=2, item_bytes=10, idempotency_key="i", digest=b"d"))
    assert (again.batch_id, list(again.job_ids), again.repeated) == ("B", first, True)
    with pytest.raises(UnknownJob):
        target.records("C")
    with pytest.raises(IdempotencyConflict):
        submit(target, count=2, batch_id="C", idempotency_key="i", digest=b"other")
    assert target.stats(0.0).counters.submitted == 2
    assert target.stats(0.0).counters.repeated == 2
    submit(target, count=2, batch_id="C", tenant="other", idempotency_key="i", digest=b"other")


def writes(*names):
    return Access(writes=frozenset(names))


def test_declared_conflicts_run_one_after_the_other_and_the_rest_side_by_side():
    target = scheduler(workers=4, max_group=1)
    accesses = (writes("x"), writes("y"), writes("x"), Access(reads=frozenset("x")), writes("z"))
    submit(target, count=5, accesses=accesses)
    first = target.tick(0.0).dispatches
    assert sorted(call.jobs[0].row for call in first) == [0, 1, 4]
    assert target.stats(0.0).blocked == 2
    for call in first:
        answer(target, 1.0, call)
    (second,) = target.tick(1.0).dispatches
    assert second.jobs[0].row == 2
    answer(target, 2.0, second, Outcome(error=ValueError()))  # a failure, too, lets the next one go
    (third,) = target.tick(2.0).dispatches
    assert third.jobs[0].row == 3


def test_a_long_chain_of_conflicts_is_not_left_to_the_end():
    target = scheduler(workers=2, max_group=1)
    submit(target, count=24, accesses=(*[writes(f"own-{i}") for i in range(16)], *[writes("pool")] * 8))
    now, rounds = 0.0, 0
    while not target.finished("B"):
        for call in target.tick(now).dispatches:
            answer(target, now + 1.0, call)
        now, rounds = now + 1.0, rounds + 1
    assert rounds <= 13  # 12 at best; in the order of arrival the chain of 8 would begin after the others: 8 + 8


def test_a_retried_job_keeps_its_place_before_conflicting_ones():
    target = scheduler(workers=2)
    submit(target, count=2, accesses=(writes("x"), writes("x")))
    dispatch = target.next_dispatch(0.0)
    answer(target, 0.0, dispatch, Outcome(error=FaultError()))
    again = target.tick(target.next_event()).dispatches[0]
    assert [job.row for job in again.jobs] == [0]
    answer(target, 9.0, again)
    assert [job.row for job in target.next_dispatch(9.0).jobs] == [1]


def test_cancelled_jobs_let_those_behind_them_go():
    target = scheduler(workers=2)
    job_ids = submit(target, count=3, accesses=(writes("x"),) * 3)
    running = target.next_dispatch(0.0)
    target.cancel(0.0, job_ids[1])
    assert target.next_dispatch(0.0) is None
    answer(target, 1.0, running)
    assert [job.row for job in target.next_dispatch(1.0).jobs] == [2]


def test_conflicts_are_guessed_from_what_the_like_declared():
    target = scheduler(workers=4, max_group=1)
    submit(target, count=10, accesses=(writes("pool"),) * 10, submitter="s", batch_id="A")
    submit(target, count=2, submitter="s", batch_id="B")
    submit(target, count=2, submitter="other", batch_id="C")
    calls = target.tick(0.0).dispatches
    assert sorted(call.jobs[0].batch_id for call in calls) == ["A", "C", "C"]
    for call in calls:
        answer(target, 1.0, call)
    now = finish_all(target, 1.0)
    assert target.stats(now).blocked == 0


# --- what is told


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


class Turmoil:
    """Everything that can happen, at random, in any order."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.target = scheduler(workers=0, seed=seed, first_group=5, max_jobs=60, result_ttl_s=1e9)
        for i in range(3):
            memory = {"device_bytes": 100 << 20} if i else {"host": "h", "host_bytes": 1 << 30}
            self.target.add_worker(f"w{i}", WorkerOffer(2, 2, device=f"device{i % 2}", reports=i > 0, **memory))
        self.now = 0.0
        self.counts = {}
        self.accesses = {}
        self.tickets = []
        self.calls = []
        self.given_up = []
        self.probes = []

    def submit(self):
        batch_id, count = f"B{self.now}", self.rng.randint(1, 12)
        deadline_s = self.rng.choice([None, self.rng.expovariate(0.2) + 0.01])
        options = {"key_id": self.rng.choice("kl"), "tenant": self.rng.choice("tu"), "deadline_s": deadline_s}
        options |= {"domain_size": self.rng.choice([0, 1 << 16]), "submitter": self.rng.choice("rs")}
        if self.rng.random() < 0.5:
            options["accesses"] = tuple(
                Access(
                    frozenset(self.rng.sample("vwxyz", self.rng.randrange(3))),
                    frozenset(self.rng.sample("vwxyz", self.rng.randrange(2))),
                )
                for _ in range(count)
            )
        if self.tickets and self.rng.random() < 0.5:
            options["ticket"] = self.tickets.pop()
        try:
            submit(self.target, self.now, count, batch_id, **options)
        except Overloaded as refusal:
            self.tickets.append(refusal.ticket)
        except DeadlineExceeded:
            pass
        else:
            self.counts[batch_id] = count
            self.accesses[batch_id] = (options["tenant"], options.get("accesses", (Access(),) * count))

    def dispatch(self):
        decisions = self.target.tick(self.now)
        self.calls += decisions.dispatches
        self.probes += decisions.effects.probes
        running = [job for call in self.calls for job in call.jobs if runs_in(call, job)]
        for one, two in itertools.combinations(running, 2):
            assert not self.conflict(one, two)

    def conflict(self, one, two):
        (tenant, ones), (other, twos) = self.accesses[one.batch_id], self.accesses[two.batch_id]
        first, second = ones[one.row], twos[two.row]
        touched = first.writes & (second.reads | second.writes) or second.writes & first.reads
        return tenant == other and bool(touched)

    def probe(self):
        if self.probes:
            self.target.probed(self.now, self.probes.pop(), passed=self.rng.random() < 0.7)

    def answer(self):
        if self.calls:
            dispatch = self.calls.pop(self.rng.randrange(len(self.calls)))
            outcomes = [OK, OK, OK, OK, Outcome(error=FaultError()), Outcome(error=ValueError())]
            outcomes += [Outcome(error=MemoryError()), Outcome(error=CodedError("device_fault"))]
            if self.rng.random() < 0.1:
                outcomes.append(Outcome(error=CodedError("invalid_proof")))
            self.target.completed(self.now, dispatch, self.rng.choices(outcomes, k=len(dispatch.jobs)))

    def report(self):
        call = self.rng.choice([*self.calls, *self.given_up, None])
        if call is not None:
            state = self.rng.choice([JobState.RUNNING, JobState.VERIFYING])
            self.target.reported(call.worker, [job.job_id for job in call.jobs], state)

    def lose_worker(self):
        if self.calls:
            self.given_up.append(self.calls.pop())
            self.target.worker_lost(self.now, self.given_up[-1], timed_out=self.rng.random() < 0.3)

    def fail_call(self):
        if self.calls:
            self.target.call_failed(self.now, self.calls.pop(), RuntimeError())

    def answer_late(self):
        if self.given_up:
            answer(self.target, self.now, self.given_up.pop())

    def bring_back(self):
        self.target.worker_back(f"w{self.rng.randrange(3)}")

    def cancel(self):
        if self.counts:
            self.target.cancel(self.now, self.rng.choice(list(self.counts)))

    def rage(self, steps):
        events = [self.answer_late, self.bring_back, self.lose_worker, self.fail_call, self.cancel, self.probe]
        events += [self.report]
        events += 2 * [self.submit, self.dispatch, self.answer, self.bring_back, self.probe]
        for _ in range(steps):
            self.now += self.rng.expovariate(5.0)
            self.rng.choice(events)()

    def settle(self):
        for dispatch in self.calls:
            answer(self.target, self.now, dispatch)
        while self.target.unfinished:
            for i in range(3):
                self.target.worker_back(f"w{i}")
            decisions = self.target.tick(self.now)
            for name in decisions.effects.probes:
                self.target.probed(self.now, name, passed=True)
            for dispatch in decisions.dispatches:
                answer(self.target, self.now + 0.01, dispatch)
            if not decisions.dispatches:
                self.now = max(self.now, decisions.next_event or math.nan)


@pytest.mark.parametrize("seed", range(20))
def test_every_job_finishes_exactly_once_whatever_happens(seed):
    turmoil = Turmoil(seed)
    turmoil.rage(1_500)
    turmoil.settle()
    seen = Counter()
    for batch_id, count in turmoil.counts.items():
        records = turmoil.target.records(batch_id)
        assert sorted(record.index for record in records) == list(range(count))
        assert all((record.error is None) == (record.state is JobState.DONE) for record in records)
        seen.update(record.state.value for record in records)
    stats = turmoil.target.stats(turmoil.now)
    counters = stats.counters
    assert (stats.held_jobs, stats.held_bytes, stats.queue_length, stats.in_flight) == (0, 0, 0, 0)
    assert turmoil.target._queue.backlog_s == pytest.approx(0.0, abs=1e-6)
    assert (stats.blocked, len(turmoil.target._endings.conflicts), turmoil.target._workers.memory._taken) == (0, 0, {})
    assert counters.submitted == sum(turmoil.counts.values()) == sum(seen.values())
    assert [counters.completed, counters.failed, counters.cancelled, counters.expired, counters.dead_lettered] == [
        seen[name] for name in ("done", "failed", "cancelled", "expired", "dead-letter")
    ]
    assert {"done", "failed", "cancelled", "expired"} <= set(seen)
