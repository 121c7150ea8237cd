import random
from types import SimpleNamespace

import pytest

from cluster import submitter as module
from cluster.submitter import Submitter
from fastpath.decisions import Receipt
from fastpath.errors import BadRequest, DeadlineExceeded, Overloaded

RECEIPT = Receipt("B", ("B-0",))


class Service:
    """Answers what it is told to, in order; the last answer again and again."""

    def __init__(self, monkeypatch, *answers):
        self.now = 0.0
        self.answers = list(answers)
        self.asked = []
        self.slept = []
        monkeypatch.setattr(module, "answer", self.give)

    def __call__(self, *_arguments, **options):
        self.asked.append((self.now, options["ticket"], options["deadline_s"]))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def give(self, answered):
        if isinstance(answered, Exception):
            raise answered
        return answered

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def submitter(self):
        actor = SimpleNamespace(submit_batch=SimpleNamespace(remote=self))
        return Submitter(actor, clock=lambda: self.now, sleep=self.sleep, rng=random.Random(3))


def submit(service, **options):
    return service.submitter().submit("k", [None], 1, 8, **options)


def test_what_is_taken_is_sent_once(monkeypatch):
    service = Service(monkeypatch, RECEIPT)
    assert submit(service, deadline_s=5.0, priority=3) is RECEIPT
    assert service.asked == [(0.0, "", 5.0)]


def test_a_refusal_is_raised_unless_the_caller_waits(monkeypatch):
    service = Service(monkeypatch, Overloaded("full", 2.0, "7"))
    with pytest.raises(Overloaded) as refusal:
        submit(service)
    assert refusal.value.retry_after_s == 2.0
    assert service.slept == []


def test_it_comes_back_when_told_to_with_the_ticket_and_what_is_left_of_the_deadline(monkeypatch):
    service = Service(monkeypatch, Overloaded("full", 2.0, "7"), Overloaded("full", 3.0, "8"), RECEIPT)
    assert submit(service, deadline_s=20.0, retry_for_s=60.0) is RECEIPT
    assert [ticket for _, ticket, _ in service.asked] == ["", "7", "8"]
    assert 2.0 <= service.slept[0] <= 2.1
    assert 3.0 <= service.slept[1] <= 3.1
    assert service.asked[2][2] == pytest.approx(20.0 - sum(service.slept))


def test_it_never_comes_back_after_the_deadline_or_the_callers_patience(monkeypatch):
    for options in ({"deadline_s": 5.0, "retry_for_s": 60.0}, {"retry_for_s": 5.0}):
        service = Service(monkeypatch, Overloaded("full", 6.0, "7"))
        with pytest.raises(Overloaded):
            submit(service, **options)
        assert service.slept == []


def test_it_gives_up_after_five_attempts_and_within_its_budget(monkeypatch):
    service = Service(monkeypatch, Overloaded("full", 1.0, "7"))
    client = service.submitter()
    with pytest.raises(Overloaded):
        client.submit("k", [None], 1, 8, retry_for_s=1e9)
    assert len(service.asked) == 5
    returns = 0
    for _ in range(20):
        asked = len(service.asked)
        with pytest.raises(Overloaded):
            client.submit("k", [None], 1, 8, retry_for_s=1e9)
        returns += max(0, len(service.asked) - asked - 1)
    assert 4 + returns <= 10  # the advance: 21 submissions earn less than that


def test_other_errors_are_raised_at_once(monkeypatch):
    for error in (BadRequest("wrong"), DeadlineExceeded("never")):
        service = Service(monkeypatch, error)
        with pytest.raises(type(error)):
            submit(service, retry_for_s=60.0)
        assert len(service.asked) == 1


def test_refusals_throttle_the_client_but_not_its_tickets(monkeypatch):
    service = Service(monkeypatch, Overloaded("full", 1.0, "7"))
    client = service.submitter()
    for _ in range(100):
        with pytest.raises(Overloaded):
            client.submit("k", [None], 1, 8)
    assert len(service.asked) < 60
    assert client.throttle.refusal_probability > 0.9
    service.answers = [RECEIPT]
    client._send(("k", [None], 1, 8), "7", {"ticket": "7", "deadline_s": None})
