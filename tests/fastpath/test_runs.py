"""What becomes of jobs whose run fails, whose worker is lost, or whose device is not sound."""

import pytest

from fastpath.decisions import Outcome
from fastpath.errors import Unavailable, WorkerLost
from fastpath.workers import WorkerOffer
from tests.fastpath.driving import OK, CodedError, FaultError, answer, finish_all, run_one_of, scheduler, states, submit


def test_a_fatal_error_fails_its_item_alone_and_at_once():
    target = scheduler(first_group=3)
    submit(target, count=3)
    error = ValueError("constraint 3")
    target.completed(1.0, target.next_dispatch(0.0), [OK, Outcome(error=error), OK])
    assert states(target) == ["done", "failed", "done"]
    assert next(record.error for record in target.records("B") if record.index == 1) is error
    assert target.stats(1.0).retry_count == 0


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


def test_errors_say_nothing_of_the_cost():
    target = scheduler(first_group=2, group_target_s=2.0)
    submit(target, count=100)
    answer(target, 1.0, target.next_dispatch(0.0), Outcome(error=ValueError()))
    second = target.next_dispatch(1.0)
    assert len(second.jobs) == 2
    target.completed(3.0, second, [Outcome(error=ValueError()), Outcome(b"p", b"", None, 0.5)])
    assert len(target.next_dispatch(3.0).jobs) == 4


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
