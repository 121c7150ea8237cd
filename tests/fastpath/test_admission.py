import itertools
import math
import random

import pytest

from fastpath.admission import MARGIN, Admission
from fastpath.capacity import Capacity
from fastpath.decisions import Dispatch
from fastpath.errors import DeadlineExceeded, Overloaded
from fastpath.fair_queue import FairQueue, FlowId
from fastpath.forecast import Forecast
from fastpath.job import Job
from fastpath.submission import Submission
from fastpath.workers import WorkerOffer, Workers


class Desk:
    """An admission with its surroundings, and a cost of one second a job."""

    def __init__(self, slots=2, max_jobs=1_000, max_tenants=10, *, known=True):
        self.capacity = Capacity(max_jobs, 1 << 30)
        self.queue = FairQueue()
        self.workers = Workers(random.Random(1), lambda _key: 0.0)
        self.workers.add("w", WorkerOffer(slots))
        self.forecast = Forecast(self.queue, self.workers)
        self.admission = Admission(self.capacity, self.queue, self.forecast, max_tenants)
        self.numbers = itertools.count()
        if known:
            worker = self.workers.get("w")
            for _ in range(3):
                self.forecast.measured(Dispatch(0, "w", "k", (), 0.0, 1.0), worker, 1.0, 0)

    def ask(self, count=1, now=0.0, cost_s=1.0, **fields):
        submission = Submission(key_id="k", item_bytes=8, count=count, **fields)
        return self.admission.admit(now, submission, FlowId(submission.tenant, 1), cost_s)

    def fill(self, count, tenant="default", deadline=math.inf):
        self.capacity.take(tenant, count, 0)
        for _ in range(count):
            number = next(self.numbers)
            self.queue.add(
                Job(f"b-{number}", "b", number, "k", 5, deadline, 0.0, number, tenant=tenant, size_class=1, cost_s=1.0)
            )


def test_the_prediction_is_compared_with_the_deadline_with_a_margin():
    desk = Desk(slots=2)
    desk.fill(20, deadline=5.0)  # ten seconds of work
    wait_s = 10.0
    desk.ask(deadline_s=MARGIN * wait_s + 1.1)
    with pytest.raises(Overloaded) as refusal:
        desk.ask(deadline_s=MARGIN * wait_s + 0.8)
    assert 0.1 <= refusal.value.retry_after_s < 1.0


def test_without_a_deadline_only_the_bounds_count():
    desk = Desk(max_jobs=30)
    desk.fill(20)
    assert desk.ask(count=10).last_wait_s > desk.ask(count=10).first_wait_s
    with pytest.raises(Overloaded):
        desk.ask(count=11)


def test_work_of_other_tenants_counts_up_to_their_share():
    desk = Desk(slots=1)
    desk.fill(100, tenant="noisy")
    admitted = desk.ask(tenant="quiet", deadline_s=6.0)
    assert admitted.first_wait_s <= 3.0


def test_promised_work_is_counted_for_new_work_and_not_for_who_returns():
    desk = Desk(slots=2)
    desk.fill(20, deadline=5.0)
    tickets = []
    for _ in range(8):
        with pytest.raises(Overloaded) as refusal:
            desk.ask(deadline_s=11.0)
        tickets.append((refusal.value.retry_after_s, refusal.value.ticket))
    assert tickets == sorted(tickets, key=lambda place: place[0])
    due_s, ticket = tickets[0]
    drained = Desk(slots=2)
    drained.admission.promises = desk.admission.promises
    drained.fill(18, deadline=5.0)
    with pytest.raises(Overloaded):
        drained.ask(now=due_s, deadline_s=11.0)
    drained.ask(now=due_s, deadline_s=11.0, ticket=ticket)
    with pytest.raises(Overloaded):  # it served once
        drained.ask(now=due_s, deadline_s=11.0, ticket=ticket)


def test_a_ticket_that_is_refused_again_is_replaced():
    desk = Desk(slots=2)
    desk.fill(20, deadline=5.0)
    with pytest.raises(Overloaded) as refusal:
        desk.ask(deadline_s=9.0)
    with pytest.raises(Overloaded) as again:
        desk.ask(now=refusal.value.retry_after_s, deadline_s=3.0, ticket=refusal.value.ticket)
    assert again.value.ticket not in {"", refusal.value.ticket}
    assert len(desk.admission.promises) == 1


def test_a_ticket_does_not_lift_the_bounds():
    desk = Desk(max_jobs=10)
    desk.fill(9)
    with pytest.raises(Overloaded) as refusal:
        desk.ask(count=5)
    with pytest.raises(Overloaded):
        desk.ask(count=5, now=refusal.value.retry_after_s, ticket=refusal.value.ticket)


def test_what_cannot_end_even_alone_is_tried_once_in_a_while():
    desk = Desk(slots=2)
    assert desk.ask(count=100, deadline_s=20.0).trial
    with pytest.raises(DeadlineExceeded, match="100 jobs of 1 s cannot end within 20 s on 2 slots"):
        desk.ask(count=100, deadline_s=20.0)
    assert desk.ask(count=100, now=300.0, deadline_s=20.0).trial
    assert not desk.ask(count=10, deadline_s=20.0).trial


def test_lost_workers_make_a_deadline_late_but_not_hopeless():
    desk = Desk(slots=8)
    desk.workers.add("spare", WorkerOffer(1))
    desk.workers.lost("w")
    with pytest.raises(Overloaded):
        desk.ask(count=40, deadline_s=10.0)


def test_guesses_refuse_nobody():
    desk = Desk(known=False)
    desk.fill(100)
    desk.ask(deadline_s=0.001)


def test_tenants_are_bounded():
    desk = Desk(max_tenants=2)
    desk.fill(1, tenant="a")
    desk.fill(1, tenant="b")
    with pytest.raises(Overloaded, match="2 tenants"):
        desk.ask(tenant="c")
    desk.ask(tenant="a")
