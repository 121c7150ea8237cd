"""From a submission to jobs that wait: what was submitted before, what is refused, and the order of what conflicts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from fastpath.admission import Admission, Admitted
from fastpath.capacity import Capacity
from fastpath.class_shares import size_class
from fastpath.conflict_history import ConflictHistory
from fastpath.deadlines import Deadlines
from fastpath.decisions import Receipt
from fastpath.endings import Endings
from fastpath.errors import DeadlineExceeded, Overloaded
from fastpath.fair_queue import FairQueue, FlowId
from fastpath.forecast import Forecast
from fastpath.idempotency import IdempotencyKeys
from fastpath.job import Job, job_id_of
from fastpath.ledger import Batch, Ledger
from fastpath.promises import Promises
from fastpath.retry import RetryBudget
from fastpath.submission import Submission


class Intake:
    """Takes submissions, each whole or not at all."""

    def __init__(
        self,
        admission: Admission,
        capacity: Capacity,
        queue: FairQueue,
        ledger: Ledger,
        forecast: Forecast,
        endings: Endings,
        budget: RetryBudget,
        deadlines: Deadlines,
    ) -> None:
        self._admission = admission
        self._capacity = capacity
        self._queue = queue
        self._ledger = ledger
        self._forecast = forecast
        self._endings = endings
        self._budget = budget
        self._deadlines = deadlines
        self._idempotency = IdempotencyKeys(ledger)
        self._history = ConflictHistory()
        self._sequence = itertools.count()

    @property
    def promises(self) -> Promises:
        """Places kept for refused work."""
        return self._admission.promises

    def earlier(self, submission: Submission) -> Receipt | None:
        """Return the batch that a submission repeats, by its idempotency key; ``None`` if it is new.

        Raises
        ------
        IdempotencyConflict
            If the key named another payload.
        """
        if not submission.idempotency_key:
            return None
        found = self._idempotency.find(submission.tenant, submission.idempotency_key, submission.digest)
        if found is None:
            return None
        self._endings.counters.repeated += submission.count
        return Receipt(found.batch_id, tuple(job.job_id for job in found.jobs), repeated=True)

    def refused(self, submission: Submission) -> None:
        """Count what was not taken."""
        self._endings.counters.refused += submission.count
        self._endings.tenants.of(submission.tenant).refused += submission.count

    def cost_s(self, submission: Submission) -> float:
        """Predict the prover-seconds of one of its jobs."""
        self._forecast.costs.know_domain(submission.key_id, submission.domain_size)
        return self._forecast.cost_s(submission.key_id)

    def take(self, now: float, batch_id: str, submission: Submission) -> Receipt:
        """Queue a batch.

        Raises
        ------
        Overloaded, DeadlineExceeded
            See :meth:`fastpath.admission.Admission.admit`.
        """
        jobs = self._accept(now, batch_id, submission, self._admit(now, submission))
        return Receipt(batch_id, tuple(job.job_id for job in jobs))

    def _admit(self, now: float, submission: Submission) -> Admitted:
        cost_s = self.cost_s(submission)
        flow_id = FlowId(submission.tenant, size_class(cost_s))
        self._capacity.seen(now, submission.tenant)
        self._queue.offered(now, *flow_id, submission.count * cost_s, again=bool(submission.ticket))
        try:
            return self._admission.admit(now, submission, flow_id, cost_s)
        except (Overloaded, DeadlineExceeded):
            self.refused(submission)
            raise

    def _accept(self, now: float, batch_id: str, submission: Submission, admitted: Admitted) -> list[Job]:
        deadline = math.inf if submission.deadline_s is None else now + submission.deadline_s
        wait_step_s = (admitted.last_wait_s - admitted.first_wait_s) / max(1, submission.count - 1)
        jobs = [
            Job(
                job_id_of(batch_id, row),
                batch_id,
                row,
                submission.key_id,
                submission.priority,
                deadline,
                now,
                next(self._sequence),
                submission.tenant,
                admitted.flow_id.size_class,
                admitted.cost_s,
                admitted.first_wait_s + row * wait_step_s,
                trial=admitted.trial,
            )
            for row in range(submission.count)
        ]
        if not submission.ticket:
            self._queue.shares.taken(now, *admitted.flow_id, submission.count * admitted.cost_s)
        byte_count = submission.count * submission.item_bytes
        self._ledger.add(
            Batch(batch_id, submission.key_id, submission.submitter, submission.tenant, byte_count, deadline, now, jobs)
        )
        self._capacity.take(submission.tenant, len(jobs), byte_count)
        self._order_conflicts(submission, jobs)
        for job in jobs:
            job.wait_factor = self._forecast.wait_factor(job.size_class)
            job.head_start = self._endings.head_start(job)
            self._queue.add(job)
        self._deadlines.add(deadline, batch_id)
        if submission.idempotency_key:
            self._idempotency.remember(submission.tenant, submission.idempotency_key, submission.digest, batch_id)
        self._endings.counters.submitted += len(jobs)
        self._endings.tenants.of(submission.tenant).submitted += len(jobs)
        self._endings.latency.arrived(now)
        self._budget.earn(len(jobs))
        return jobs

    def _order_conflicts(self, submission: Submission, jobs: Sequence[Job]) -> None:
        """Mark the jobs that must wait for an earlier one."""
        kind = (submission.tenant, submission.key_id, submission.submitter)
        graph = self._endings.conflicts
        if submission.accesses:
            for job, access in zip(jobs, submission.accesses, strict=True):
                self._history.declared(*kind, access)
                job.blocked = not graph.add(submission.tenant, job, access)
        elif guess := self._history.guess(*kind):
            for job in jobs:
                job.blocked = not graph.add_guess(submission.tenant, job, guess)
