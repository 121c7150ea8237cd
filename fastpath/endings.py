"""The end of a job: its record, what it frees, and what is counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fastpath.capacity import Capacity
from fastpath.conflicts import ConflictGraph
from fastpath.decisions import Dispatch, Effects, Outcome
from fastpath.fair_queue import FairQueue
from fastpath.forecast import Forecast
from fastpath.job import Job, JobRecord, JobState
from fastpath.latency_recorder import LatencyRecorder
from fastpath.ledger import Ledger
from fastpath.statistics import Counters
from fastpath.tenants import Tenants

_NOTHING: Final = Outcome()
_EXECUTED: Final = frozenset({JobState.DONE, JobState.FAILED, JobState.DEAD_LETTER})
_COUNTED_AS: Final = {
    JobState.DONE: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
    JobState.EXPIRED: "expired",
    JobState.DEAD_LETTER: "dead_lettered",
}
_OF_TENANT: Final = _COUNTED_AS | {JobState.DEAD_LETTER: "failed"}


class Endings:
    """Finishes jobs, each once; everything that depends on a job ending hangs here.

    Parameters
    ----------
    calls
        Dispatches that have not been answered, by id.
    """

    def __init__(
        self,
        ledger: Ledger,
        queue: FairQueue,
        capacity: Capacity,
        forecast: Forecast,
        calls: dict[int, Dispatch],
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._capacity = capacity
        self._forecast = forecast
        self._calls = calls
        self.conflicts = ConflictGraph()
        self.latency = LatencyRecorder()
        self.counters = Counters()
        self.tenants = Tenants()
        self.effects = Effects()

    def finish_all(self, now: float, jobs: Iterable[Job], state: JobState, error: Exception) -> int:
        """Finish those jobs that are not; return how many these were."""
        unfinished = [job for job in jobs if not job.state.final]
        for job in unfinished:
            self.finish(now, job, state, error=error)
        return len(unfinished)

    def finish(
        self, now: float, job: Job, state: JobState, *, outcome: Outcome = _NOTHING, error: Exception | None = None
    ) -> None:
        """Finish a job: with an outcome if it is done, else with an error."""
        batch = self._ledger.batch(job.batch_id)
        before = job.state
        job.move(state)
        if before is JobState.QUEUED:
            self._queue.left(job)
        elif (call := self._calls.get(job.dispatch_id)) is not None:
            self.effects.stops.setdefault(call.worker, []).append(job.job_id)
        latency_s = now - job.submitted_at
        batch.records.append(
            JobRecord(
                job_id=job.job_id,
                batch_id=job.batch_id,
                index=job.row,
                state=state,
                payload=outcome.payload,
                public_inputs=outcome.public_inputs,
                error=error,
                starts=job.starts,
                latency_s=latency_s,
                service_s=outcome.seconds,
            )
        )
        self._count(now, job, state, latency_s, outcome)
        self._capacity.give_back(job.tenant, 1, 0)
        for released in self.conflicts.ended(job.tenant, job):
            if released.state is JobState.QUEUED and released.blocked:
                released.head_start = self.head_start(released)
                self._queue.unblock(released)
        self.effects.changed.add(job.batch_id)
        if batch.finished:
            self._capacity.give_back(job.tenant, 0, batch.byte_count)
            self.effects.finished.add(job.batch_id)
            self._ledger.finish(batch, now)

    def _count(self, now: float, job: Job, state: JobState, latency_s: float, outcome: Outcome) -> None:
        name = _COUNTED_AS[state]
        setattr(self.counters, name, getattr(self.counters, name) + 1)
        tenant = self.tenants.of(job.tenant)
        setattr(tenant, _OF_TENANT[state], getattr(tenant, _OF_TENANT[state]) + 1)
        if state not in _EXECUTED:
            return
        stages_s = None
        if state is JobState.DONE:
            stages_s = {
                "queue": max(0.0, min(latency_s, job.started_at - job.submitted_at)),
                "service": outcome.seconds,
            }
            if job.starts == 1:  # a retried job was never predicted to be
                self._forecast.finished(job, latency_s)
        self.latency.ended(now, latency_s, job.key_id, stages_s)

    def head_start(self, job: Job) -> int:
        """Return how many earlier jobs one may overtake that others wait for.

        A chain of n jobs takes as long as n jobs on every slot: with that head start both end together.
        """
        return int(self._forecast.rate) * self.conflicts.behind(job.tenant, job)

    def take_effects(self) -> Effects:
        """Return what is to be done since the last call."""
        effects, self.effects = self.effects, Effects()
        return effects
