import contextlib
import math
import random
from collections import Counter

import pytest

from fastpath.decisions import Outcome
from fastpath.errors import BadRequest, Cancelled, DeadlineExceeded, Overloaded, Unavailable, UnknownJob, WorkerLost
from fastpath.job import JobState
from fastpath.scheduler import Scheduler
from fastpath.settings import SchedulerSettings
from fastpath.submission import Submission

OK = Outcome(b"proof", b"inputs", None, 0.1)


class FaultError(Exception):
    retryable = True


def scheduler(workers=1, slots=1, seed=1, **settings):
    made = Scheduler(SchedulerSettings(**settings), random.Random(seed))
    for i in range(workers):
        made.add_worker(f"w{i}", slots)
    return made


def submit(target, now=0.0, count=1, batch_id="B", **fields):
    return target.submit(now, batch_id, Submission(**{"key_id": "k", "item_bytes": 10} | fields | {"count": count}))


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


def test_what_waits_is_shared_evenly_among_free_slots():
    target = scheduler(workers=2, slots=2, first_group=100)
    submit(target, count=10)
    dispatches = [target.next_dispatch(0.0) for _ in range(4)]
    assert [len(dispatch.jobs) for dispatch in dispatches] == [3, 3, 2, 2]
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
    submit(target, batch_id="B", count=2)


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
    submit(target, now, batch_id="B", count=10)


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
    target.add_worker("w0", 1)
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
    assert target.stats(now).retry_count <= 100


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


class Turmoil:
    """Everything that can happen, at random, in any order."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.target = scheduler(workers=3, slots=2, seed=seed, first_group=5, max_jobs=60, result_ttl_s=1e9)
        self.now = 0.0
        self.counts = {}
        self.calls = []
        self.given_up = []

    def submit(self):
        batch_id, count = f"B{self.now}", self.rng.randint(1, 12)
        deadline_s = self.rng.choice([None, self.rng.expovariate(0.2) + 0.01])
        with contextlib.suppress(Overloaded):
            submit(self.target, self.now, count, batch_id, key_id=self.rng.choice("kl"), deadline_s=deadline_s)
            self.counts[batch_id] = count

    def dispatch(self):
        if dispatch := self.target.next_dispatch(self.now):
            self.calls.append(dispatch)

    def answer(self):
        if self.calls:
            dispatch = self.calls.pop(self.rng.randrange(len(self.calls)))
            outcomes = [OK, OK, Outcome(error=FaultError()), Outcome(error=ValueError())]
            self.target.completed(self.now, dispatch, self.rng.choices(outcomes, k=len(dispatch.jobs)))

    def lose_worker(self):
        if self.calls:
            self.given_up.append(self.calls.pop())
            self.target.worker_lost(self.now, self.given_up[-1])

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
        events = [self.submit, self.answer_late, self.bring_back, self.lose_worker, self.fail_call, self.cancel]
        events += 2 * [self.dispatch, self.answer]
        for _ in range(steps):
            self.now += self.rng.expovariate(5.0)
            self.rng.choice(events)()

    def settle(self):
        for dispatch in self.calls:
            answer(self.target, self.now, dispatch)
        for i in range(3):
            self.target.worker_back(f"w{i}")
        self.now = finish_all(self.target, self.now)


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
    assert counters.submitted == sum(turmoil.counts.values()) == sum(seen.values())
    assert [counters.completed, counters.failed, counters.cancelled, counters.expired, counters.dead_lettered] == [
        seen[name] for name in ("done", "failed", "cancelled", "expired", "dead-letter")
    ]
    assert {"done", "failed", "cancelled", "expired"} <= set(seen)
