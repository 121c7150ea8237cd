"""Everything that can happen to a scheduler, at random."""

import itertools
import math
import random
from collections import Counter

import pytest

from fastpath.conflicts import Access
from fastpath.decisions import Outcome
from fastpath.errors import DeadlineExceeded, Overloaded
from fastpath.job import JobState
from fastpath.runs import runs_in
from fastpath.workers import WorkerOffer
from tests.fastpath.driving import OK, CodedError, FaultError, answer, scheduler, submit


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
