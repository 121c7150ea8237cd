"""The state machine behind the FastPath actor: events and the time go in, decisions come out.

It starts no thread, reads no clock, makes no call. Its driver

1. reports events: ``submit``, ``cancel``; what becomes of a dispatch: ``reported``, then ``completed``, ``call_failed``
   or ``worker_lost``; and of workers: ``add_worker``, ``worker_back``, ``remove_worker``, ``probed``;
2. calls :meth:`Scheduler.tick` after events, and no later than the ``next_event`` that the last tick named, and carries
   out the :class:`~fastpath.decisions.Decisions` it returns.

The actor is one driver, a simulator another; both see the same decisions for the same events, times and RNG.

Promise: every submitted job finishes exactly once, in one of the final states of :mod:`fastpath.job`. Without a
deadline that takes as long as workers do: jobs wait while workers are lost, and fail with ``Unavailable`` only when the
last worker is removed.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from fastpath.admission import Admission
from fastpath.capacity import Capacity
from fastpath.deadlines import Deadlines
from fastpath.decisions import BatchStatus, Cancellation, Decisions, Dispatch, Effects, JobStatus, Outcome, Receipt
from fastpath.dispatch import Dispatcher
from fastpath.endings import Endings
from fastpath.errors import Cancelled, DeadlineExceeded, FastPathError, Unavailable
from fastpath.fair_queue import FairQueue
from fastpath.forecast import Forecast
from fastpath.hot_keys import HotKeys
from fastpath.intake import Intake
from fastpath.job import Job, JobRecord, JobState
from fastpath.ledger import Batch, Ledger
from fastpath.preload import Preloads
from fastpath.runs import WITH_A_WORKER, Runs
from fastpath.scaling import ScalingAdvisor
from fastpath.settings import SchedulerSettings
from fastpath.statistics import ServiceStats
from fastpath.submission import Submission
from fastpath.tenants import jain_index
from fastpath.workers import WorkerOffer, Workers

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOT_KEYS_SHOWN: Final = 10
_HOT_KEY_HALF_LIFE_S: Final = 600.0  # some loads of a large key: what was hot an hour ago need not stay resident


class Scheduler:
    """The policies of this package, composed; see the module for how it is driven.

    Parameters
    ----------
    rng
        Source of all jitter and lots.
    now
        Monotonic seconds, here and in every method.
    """

    def __init__(self, settings: SchedulerSettings, rng: Random, now: float = 0.0) -> None:
        self.settings = settings
        self.draining = False
        self._started_at = now
        self._hot_keys = HotKeys(rng=rng, half_life_s=_HOT_KEY_HALF_LIFE_S)
        self._now = now
        self._capacity = Capacity(settings.max_jobs, settings.max_bytes)
        self._queue = FairQueue(settings.tenants)
        self._ledger = Ledger(settings.result_ttl_s, settings.max_results)
        self._workers = Workers(rng, lambda key_id: self._hot_keys.count(key_id, self._now))
        self._forecast = Forecast(self._queue, self._workers)
        self._calls: dict[int, Dispatch] = {}
        self._endings = Endings(self._ledger, self._queue, self._capacity, self._forecast, self._calls)
        self._runs = Runs(settings, rng, self._queue, self._workers, self._forecast, self._endings, self._calls)
        self._dispatcher = Dispatcher(settings, self._queue, self._workers, self._forecast, rng, self._drop)
        self._deadlines = Deadlines(self._ledger)
        self._preloads = Preloads(self._hot_keys, self._workers)
        self._advisor = ScalingAdvisor(now=now)
        self._intake = Intake(
            Admission(self._capacity, self._queue, self._forecast, settings.max_tenants),
            self._capacity,
            self._queue,
            self._ledger,
            self._forecast,
            self._endings,
            self._runs.budget,
            self._deadlines,
        )

    # --- workers

    def add_worker(self, name: str, offer: WorkerOffer) -> None:
        """Send calls to a worker. A known name is brought back to life with the new offer.

        Raises
        ------
        BadRequest
            If name or offer are malformed.
        """
        self._workers.add(name, offer)

    def worker_back(self, name: str) -> None:
        """Send calls to a lost worker again; one whose breaker is open is probed first."""
        self._workers.revive(name)

    def probed(self, now: float, name: str, *, passed: bool) -> None:
        """Take in whether a worker gave the known answer that :attr:`Effects.probes` asked for."""
        worker = self._workers.get(name)
        if worker is not None:
            worker.breaker.probed(now, passed=passed)

    def remove_worker(self, now: float, name: str) -> None:
        """Forget a worker that will not come back; with the last one, all jobs fail with ``Unavailable``."""
        for dispatch in [call for call in self._calls.values() if call.worker == name]:
            self.worker_lost(now, dispatch)
        self._workers.remove(name)
        if not self._workers:
            error = Unavailable("the last worker has ended for good; start workers, then submit the job again")
            for batch in self._ledger.unfinished():
                self._endings.finish_all(now, batch.jobs, JobState.FAILED, error)

    # --- batches

    def submit(self, now: float, batch_id: str, submission: Submission) -> Receipt:
        """Queue a batch, whole or not at all.

        Parameters
        ----------
        batch_id
            A new id, see :class:`fastpath.job.BatchIds`; not used when the submission repeats an earlier one.

        Raises
        ------
        BadRequest
            If the submission is malformed or could never fit, its tenant is unknown where tenants are fixed
            (``UnknownTenant``), or its idempotency key named another payload (``IdempotencyConflict``).
        Overloaded
            If there is no room now, or no time before the deadline. Whoever submits again ``retry_after_s`` later, with
            the ``ticket`` of the refusal, is taken.
        DeadlineExceeded
            If it cannot end before its deadline even when nothing else runs.
        Unavailable
            If the scheduler drains or no worker is registered.
        """
        submission.check(self.settings)
        self._now = now
        earlier = self._intake.earlier(submission)
        if earlier is not None:
            return earlier
        if self.draining or not self._workers:
            self._intake.refused(submission)
            why = "the service is draining" if self.draining else "no worker is registered"
            raise Unavailable(f"{why}; submit again when the service is up")
        self.expire(now)
        self._advisor.arrived(now, submission.count * self._intake.cost_s(submission))
        receipt = self._intake.take(now, batch_id, submission)
        self._hot_keys.track(submission.key_id, submission.count, now)
        return receipt

    def cancel(self, now: float, identifier: str) -> Cancellation:
        """Cancel a batch or a job. Finished jobs stay as they are.

        Raises
        ------
        UnknownJob
            If there is no such batch or job.
        """
        jobs = self._ledger.jobs(identifier)
        running = sum(job.state in WITH_A_WORKER for job in jobs)
        error = Cancelled("the job was cancelled by its submitter")
        reached = self._endings.finish_all(now, jobs, JobState.CANCELLED, error)
        return Cancellation(reached, running, len(jobs) - reached)

    def expire(self, now: float) -> None:
        """Finish all jobs whose deadline has passed, and drop results that have aged out."""
        self._now = now
        for batch_id in self._deadlines.pop_passed(now):
            if batch_id not in self._ledger:  # it had finished, and a batch that ended just now took its place
                continue
            batch = self._ledger.batch(batch_id)
            self._endings.finish_all(now, batch.jobs, JobState.EXPIRED, _too_late(batch))
        self._ledger.age_out(now)

    def _drop(self, now: float, job: Job) -> None:
        """Finish a job that could be started but not end before its deadline."""
        self._forecast.waited(job, now - job.submitted_at)
        self._endings.counters.hopeless += 1
        self._endings.finish(now, job, JobState.EXPIRED, error=_too_late(self._ledger.batch(job.batch_id)))

    # --- runs

    def tick(self, now: float) -> Decisions:
        """Decide everything that is to be done now."""
        dispatches = []
        while (dispatch := self.next_dispatch(now)) is not None:
            dispatches.append(dispatch)
        self._endings.effects.probes.extend(self._workers.take_probes(now))
        for worker, key_id in self._preloads.due(now):
            self._endings.effects.preloads.setdefault(worker, []).append(key_id)
        return Decisions(tuple(dispatches), self.take_effects(), self.next_event())

    def next_dispatch(self, now: float) -> Dispatch | None:
        """Decide the next call; ``None`` when nothing is ready or no free worker can take it."""
        self.expire(now)
        self._queue.wake(now)
        plan = self._dispatcher.plan(now)
        return None if plan is None else self._runs.start(now, plan)

    def reported(self, worker: str, job_ids: Sequence[str], state: JobState) -> None:
        """Take in that a worker has begun jobs (``running``), or has their proofs and checks them (``verifying``).

        What is not, or no longer, in a call to that worker is passed over: a report may be late.
        """
        for job_id in job_ids:
            job = self._ledger.find_job(job_id)
            call = None if job is None else self._calls.get(job.dispatch_id)
            if job is not None and call is not None and call.worker == worker:
                self._runs.reported(call, [job], state)

    def completed(self, now: float, dispatch: Dispatch, outcomes: Sequence[Outcome]) -> None:
        """Take in a worker's answer, one outcome for each job of the dispatch, however late it comes.

        A result of a job that already finished is dropped. A good result of a run that was given up is accepted if its
        job is not finished; an error of such a run says nothing of the run that replaces it.
        """
        self._runs.completed(now, dispatch, outcomes)

    def call_failed(self, now: float, dispatch: Dispatch, error: Exception) -> None:
        """Take in that a call raised although its worker lives.

        A single job fails with the error, or runs again if that is retryable. A larger group is queued again in halves:
        one item must not take the others with it.
        """
        self._runs.call_failed(now, dispatch, error)

    def worker_lost(self, now: float, dispatch: Dispatch, *, timed_out: bool = False) -> None:
        """Take in that a call's worker died: its jobs run again, not charged to them.

        Parameters
        ----------
        timed_out
            It did not die but gave no answer within ``dispatch.timeout_s``; that is charged.
        """
        self._runs.lost(now, dispatch, timed_out=timed_out)

    # --- reading

    def take_effects(self) -> Effects:
        """Return what is to be done since the last call."""
        return self._endings.take_effects()

    def next_event(self) -> float | None:
        """Return when :meth:`tick` is to be called again although nothing was reported until then."""
        times = (
            self._queue.next_due(),
            self._ledger.next_due(),
            self._deadlines.next_due(),
            self._workers.next_probe(),
        )
        return min((time for time in times if time is not None), default=None)

    def records(self, batch_id: str, seen: int = 0) -> list[JobRecord]:
        """Return the finished jobs of a batch after the first ``seen``, in the order in which they finished.

        Raises
        ------
        UnknownJob
            If there is no such batch (any more).
        """
        return self._ledger.batch(batch_id).records[seen:]

    def finished(self, batch_id: str) -> bool:
        """Whether every job of a batch is finished.

        Raises
        ------
        UnknownJob
            If there is no such batch (any more).
        """
        return self._ledger.batch(batch_id).finished

    def acknowledge(self, batch_id: str) -> None:
        """Drop the records of a batch, at once or when it has finished.

        Raises
        ------
        UnknownJob
            If there is no such batch (any more).
        """
        self._ledger.acknowledge(batch_id)

    def status(self, now: float, identifier: str) -> BatchStatus | JobStatus:
        """Describe a batch or a job.

        Raises
        ------
        UnknownJob
            If there is no such batch or job.
        """
        return self._ledger.status(now, identifier, lambda jobs: self._forecast.remaining_s(now, jobs))

    def worker_of(self, job_id: str) -> str:
        """Return the worker that has a job; empty when none has.

        Raises
        ------
        UnknownJob
            If there is no such job.
        """
        (job,) = self._ledger.jobs(job_id)
        call = self._calls.get(job.dispatch_id) if job.state in WITH_A_WORKER else None
        return "" if call is None else call.worker

    @property
    def unfinished(self) -> int:
        """Jobs that have not finished."""
        return self._capacity.jobs

    def stats(self, now: float) -> ServiceStats:
        """Return the statistics as one picklable value."""
        self._now = now
        counters = replace(self._endings.counters)
        failed = counters.failed + counters.dead_lettered
        tenants = self._endings.tenants()
        for tenant in tenants:
            tenant.held = self._capacity.held_by(tenant.tenant)
            tenant.backlog_s = self._queue.backlog_of(tenant.tenant)
        errors = self._forecast.errors.quantiles(0.5, 0.95)
        latency = self._endings.latency
        return ServiceStats(
            executed=counters.completed + failed,
            failed=failed,
            retry_count=counters.retries,
            queue_length=len(self._queue),
            latency=latency.latency,
            active_s=latency.active_s,
            counters=counters,
            in_flight=self._workers.jobs_in_flight,
            held_jobs=self._capacity.jobs,
            held_bytes=self._capacity.bytes,
            max_jobs=self._capacity.max_jobs,
            max_bytes=self._capacity.max_bytes,
            queue_delay_s=self._forecast.queue_delay_s,
            congestion=self._runs.congestion,
            latency_by_key=latency.latency_by_key,
            latency_by_stage=latency.latency_by_stage,
            errors=self._runs.errors(),
            tenants=tenants,
            jain_index=jain_index(tenant.served_s for tenant in tenants if tenant.submitted),
            forecast_error=(errors[0], errors[1]),
            blocked=self._endings.conflicts.blocked,
            promises=len(self._intake.promises),
            advice=self._advisor.advise(now, self._queue.backlog_s),
            hot_keys=tuple(self._hot_keys.get(_HOT_KEYS_SHOWN, now)),
            workers=self._workers.stats(),
            draining=self.draining,
            uptime_s=now - self._started_at,
        )


def _too_late(batch: Batch) -> FastPathError:
    return DeadlineExceeded(
        f"no result within {batch.deadline - batch.submitted_at:g} s; allow more time or submit less at once"
    )
