"""Submissions: what is refused, taken, repeated, and in which order conflicting jobs run."""

import itertools
import random

import pytest

from fastpath.conflicts import Access
from fastpath.decisions import Outcome
from fastpath.errors import BadRequest, DeadlineExceeded, IdempotencyConflict, Overloaded, Unavailable, UnknownJob
from fastpath.submission import Submission
from fastpath.workers import WorkerOffer
from tests.fastpath.driving import FaultError, answer, finish_all, known, scheduler, submit, writes


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
