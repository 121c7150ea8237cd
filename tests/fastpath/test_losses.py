"""Workers that die: what had begun counts against the job, what had not does not."""

import random

import pytest

from fastpath.decisions import Outcome
from fastpath.errors import WorkerLost
from fastpath.job import Job, JobState
from fastpath.losses import LONE_LOSSES, MOST_UNBEGUN, may_have_begun
from fastpath.scheduler import Scheduler
from fastpath.settings import SchedulerSettings
from fastpath.submission import Submission
from fastpath.workers import WorkerOffer

OK = Outcome(b"proof", b"inputs", None, 0.1)


def scheduler(workers=2, reports=True, **settings):
    made = Scheduler(SchedulerSettings(**settings), random.Random(1))
    for i in range(workers):
        made.add_worker(f"w{i}", WorkerOffer(1, reports=reports))
    return made


def submit(target, count=1):
    return list(target.submit(0.0, "B", Submission(key_id="k", count=count, item_bytes=1)).job_ids)


def lose(target, now, call, began=False, **how):
    if began:
        target.reported(call.worker, [job.job_id for job in call.jobs], JobState.RUNNING)
    target.worker_lost(now, call, **how)
    target.worker_back(call.worker)


def next_call(target, now=0.0):
    call = target.next_dispatch(now)
    return call if call is not None else target.next_dispatch(target.next_event())


@pytest.mark.parametrize(
    ("state", "unbegun", "counts"),
    [
        (JobState.RUNNING, 0, True),
        (JobState.VERIFYING, 0, True),
        (JobState.ADMITTED, 0, False),
        (JobState.ADMITTED, MOST_UNBEGUN - 1, False),
        (JobState.ADMITTED, MOST_UNBEGUN, True),
    ],
)
def test_what_may_have_begun(state, unbegun, counts):
    assert may_have_begun(Job("b-0", "b", 0, "key", 5, 10.0, 0.0, 0, state=state, unbegun=unbegun)) is counts


def test_a_job_sent_in_turn_to_workers_that_died_idle_is_proved_by_the_next():
    target = scheduler(workers=4)
    submit(target)
    tried = []
    for _ in range(3):
        call = target.next_dispatch(0.0)  # it waits for nothing: it has done nothing
        tried.append(call.worker)
        target.worker_lost(0.0, call)
    assert len(set(tried)) == 3
    last = target.next_dispatch(0.0)
    target.completed(1.0, last, [OK])
    (record,) = target.records("B")
    assert (record.state, record.starts) == (JobState.DONE, 4)
    counters = target.stats(1.0).counters
    assert (counters.dead_lettered, counters.worker_losses, counters.requeued) == (0, 3, 3)


def test_a_group_that_never_began_is_not_cut_in_halves():
    target = scheduler(workers=1, first_group=8)
    submit(target, count=8)
    lose(target, 0.0, target.next_dispatch(0.0))
    assert len(target.next_dispatch(0.0).jobs) == 8


def test_a_job_that_ends_its_worker_twice_is_a_dead_letter_whatever_died_idle_between():
    target = scheduler()
    submit(target)
    lose(target, 0.0, next_call(target), began=True)
    lose(target, 0.0, next_call(target))
    assert target.records("B") == []
    lose(target, 0.0, next_call(target), began=True)
    (record,) = target.records("B")
    assert record.state is JobState.DEAD_LETTER
    assert isinstance(record.error, WorkerLost)


@pytest.mark.parametrize("count", [1, 16])
def test_a_job_that_ends_its_worker_before_the_report_arrives_is_a_dead_letter_in_the_end(count):
    target = scheduler(workers=1, first_group=count)
    submit(target, count)
    losses, now = 0, 0.0
    while not target.finished("B"):
        now += 100.0  # past every back-off
        call = target.next_dispatch(now)
        if any(job.row == 0 for job in call.jobs):
            losses += 1
            lose(target, now, call)
        else:
            target.completed(now, call, [OK] * len(call.jobs))
    states = [record.state for record in sorted(target.records("B"), key=lambda record: record.index)]
    assert states == [JobState.DEAD_LETTER] + [JobState.DONE] * (count - 1)
    assert losses == MOST_UNBEGUN + (count.bit_length() - 1) + LONE_LOSSES


def test_workers_that_do_not_report_are_taken_to_have_begun():
    target = scheduler(reports=False)
    (job_id,) = submit(target)
    call = next_call(target)
    assert target.status(0.0, job_id).state == "running"
    lose(target, 0.0, call)
    lose(target, 0.0, next_call(target))
    assert [record.state for record in target.records("B")] == [JobState.DEAD_LETTER]


def test_a_call_that_hung_before_it_began_is_not_charged():
    target = scheduler(attempts=1)
    submit(target)
    lose(target, 0.0, next_call(target), timed_out=True)
    assert target.records("B") == []
    lose(target, 0.0, next_call(target), began=True, timed_out=True)
    assert [record.state for record in target.records("B")] == [JobState.FAILED]


def test_a_worker_says_how_far_it_is():
    target = scheduler(workers=1)
    (job_id,) = submit(target)
    assert target.status(0.0, job_id).state == "queued"
    call = target.next_dispatch(0.0)
    assert target.status(0.0, job_id).state == "admitted"
    target.reported(call.worker, [job_id], JobState.RUNNING)
    assert target.status(0.0, job_id).state == "running"
    target.reported(call.worker, [job_id], JobState.VERIFYING)
    target.reported(call.worker, [job_id], JobState.RUNNING)  # late: they may overtake each other
    assert target.status(0.0, job_id).state == "verifying"
    target.completed(1.0, call, [OK])
    assert target.status(1.0, job_id).state == "done"


def test_an_answer_may_overtake_the_report():
    target = scheduler(workers=1)
    (job_id,) = submit(target)
    call = target.next_dispatch(0.0)
    target.completed(1.0, call, [OK])
    target.reported(call.worker, [job_id], JobState.RUNNING)
    assert target.status(1.0, job_id).state == "done"


def test_reports_of_another_run_or_of_nothing_say_nothing():
    target = scheduler(workers=2)
    (job_id,) = submit(target)
    first = target.next_dispatch(0.0)
    target.worker_lost(0.0, first)
    second = target.next_dispatch(0.0)
    assert second.worker != first.worker
    target.reported(first.worker, [job_id, "01J0000000000000000000000Z-0000000", "B-0000009"], JobState.RUNNING)
    assert target.status(0.0, job_id).state == "admitted"
    target.cancel(0.0, job_id)
    target.reported(second.worker, [job_id], JobState.VERIFYING)
    assert target.status(0.0, job_id).state == "cancelled"
