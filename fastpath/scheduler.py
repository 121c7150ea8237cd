"""The state machine behind the FastPath actor: events and the time go in, decisions come out.

It starts no thread, reads no clock, makes no call. Its driver

1. reports events (``submit``, ``completed``, ``call_failed``, ``worker_lost``, ``cancel``, ...),
2. sends every :class:`Dispatch` that :meth:`Scheduler.next_dispatch` returns, until it returns ``None``,
3. carries out :meth:`Scheduler.take_effects`, and comes back no later than :meth:`Scheduler.next_event`.

Promise: every submitted job finishes exactly once, in one of the final states of :mod:`fastpath.job`. Without a
deadline that takes as long as workers do: jobs wait while workers are lost, and fail with ``Unavailable`` only when the
last worker is removed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from fastpath.deadlines import Deadlines
from fastpath.decisions import BatchStatus, Cancellation, Dispatch, Effects, JobStatus, Outcome
from fastpath.errors import Cancelled, DeadlineExceeded, Overloaded, Unavailable, WorkerLost
from fastpath.forecast import Forecast
from fastpath.hot_keys import HotKeys
from fastpath.job import Job, JobRecord, JobState, job_id_of
from fastpath.ledger import Batch, Ledger
from fastpath.queue import Capacity, JobQueue
from fastpath.retry import RetryBudget, RetryPolicy, is_retryable
from fastpath.settings import SchedulerSettings
from fastpath.statistics import Counters, LatencyRecorder, ServiceStats
from fastpath.submission import Submission
from fastpath.workers import Workers

_LONE_LOSSES: Final = 2
_HOT_KEYS_SHOWN: Final = 10
_NOTHING: Final = Outcome()
_WITH_A_WORKER: Final = frozenset({JobState.ADMITTED, JobState.RUNNING, JobState.VERIFYING})
_EXECUTED: Final = frozenset({JobState.DONE, JobState.FAILED, JobState.DEAD_LETTER})
_COUNTED_AS: Final = {
    JobState.DONE: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
    JobState.EXPIRED: "expired",
    JobState.DEAD_LETTER: "dead_lettered",
}


class Scheduler:
    """Queue, group, dispatch, requeue, expire, cancel: one job at most once in a final state.

    Groups are sized by :meth:`fastpath.forecast.Forecast.group_size`. A group lost with its worker is queued again in
    halves, so that a job which ends workers is alone after at most log2(max_group) losses; two losses alone make it a
    dead letter.

    Parameters
    ----------
    rng
        Source of the retry jitter.
    now
        Monotonic seconds, here and in every method.
    """

    def __init__(self, settings: SchedulerSettings, rng: Random, now: float = 0.0) -> None:
        self.settings = settings
        self.draining = False
        self._rng = rng
        self._started_at = now
        self._sequence = itertools.count()
        self._dispatch_ids = itertools.count()
        self._capacity = Capacity(settings.max_jobs, settings.max_bytes)
        self._queue = JobQueue()
        self._ledger = Ledger(settings.result_ttl_s, settings.max_results)
        self._workers = Workers()
        self._open: dict[int, Dispatch] = {}
        self._deadlines = Deadlines(self._ledger)
        self._retry = RetryPolicy(attempts=settings.attempts)
        self._budget = RetryBudget()
        self._forecast = Forecast(settings, self._queue, self._capacity, self._workers)
        self._hot_keys = HotKeys()
        self._latency = LatencyRecorder()
        self._counters = Counters()
        self._effects = Effects()

    # --- workers

    def add_worker(self, name: str, slots: int) -> None:
        """Send calls to a worker, at most ``slots`` at a time. A known name is brought back to life."""
        self._workers.add(name, slots)

    def worker_back(self, name: str) -> None:
        """Send calls to a lost worker again."""
        self._workers.revive(name)

    def remove_worker(self, now: float, name: str) -> None:
        """Forget a worker that will not come back; with the last one, all jobs fail with ``Unavailable``."""
        for dispatch in [call for call in self._open.values() if call.worker == name]:
            self.worker_lost(now, dispatch)
        self._workers.remove(name)
        if not self._workers:
            error = Unavailable("the last worker has ended for good; start workers, then submit the job again")
            for batch in self._ledger.unfinished():
                self._finish_all(now, batch.jobs, JobState.FAILED, error)

    # --- batches

    def submit(self, now: float, batch_id: str, submission: Submission) -> list[str]:
        """Queue a batch, whole or not at all.

        Returns
        -------
        The ids of its jobs, in order.

        Raises
        ------
        BadRequest
            If the submission is malformed or could never fit.
        Overloaded
            If there is no room now.
        Unavailable
            If the scheduler drains or no worker is registered.
        """
        submission.check(self.settings)
        if self.draining or not self._workers:
            self._counters.refused += submission.count
            why = "the service is draining" if self.draining else "no worker is registered"
            raise Unavailable(f"{why}; submit again when the service is up")
        byte_count = submission.count * submission.item_bytes
        self.expire(now)
        excess = self._capacity.excess(submission.count, byte_count)
        if any(excess):
            self._counters.refused += submission.count
            wait_s = self._forecast.room_in_s(*excess)
            raise Overloaded(
                f"{self._capacity} has no room for {submission.count} jobs of {byte_count} bytes; submit them again in "
                f"{wait_s:.1f} s",
                wait_s,
            )
        deadline = math.inf if submission.deadline_s is None else now + submission.deadline_s
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
            )
            for row in range(submission.count)
        ]
        batch = Batch(batch_id, submission.key_id, submission.submitter, byte_count, deadline, now, jobs)
        self._ledger.add(batch)
        self._capacity.take(len(jobs), byte_count)
        for job in jobs:
            self._queue.add(job)
        self._deadlines.add(deadline, batch_id)
        self._counters.submitted += len(jobs)
        self._budget.earn(len(jobs))
        self._hot_keys.track(submission.key_id, len(jobs))
        self._latency.arrived(now)
        return [job.job_id for job in jobs]

    def cancel(self, now: float, identifier: str) -> Cancellation:
        """Cancel a batch or a job. Finished jobs stay as they are.

        Raises
        ------
        UnknownJob
            If there is no such batch or job.
        """
        jobs = self._ledger.jobs(identifier)
        running = sum(job.state in _WITH_A_WORKER for job in jobs)
        reached = self._finish_all(now, jobs, JobState.CANCELLED, Cancelled("the job was cancelled by its submitter"))
        return Cancellation(reached, running, len(jobs) - reached)

    def expire(self, now: float) -> None:
        """Finish all jobs whose deadline has passed, and drop results that have aged out."""
        for batch_id in self._deadlines.pop_passed(now):
            if batch_id not in self._ledger:  # it had finished, and a batch that ended just now took its place
                continue
            batch = self._ledger.batch(batch_id)
            error = DeadlineExceeded(
                f"no result within {batch.deadline - batch.submitted_at:g} s; allow more time or submit less at once"
            )
            self._finish_all(now, batch.jobs, JobState.EXPIRED, error)
        self._ledger.age_out(now)

    # --- runs

    def next_dispatch(self, now: float) -> Dispatch | None:
        """Decide the next call; ``None`` when nothing is ready or no slot is free."""
        self.expire(now)
        self._queue.wake(now)
        if not self._workers.free_slots:
            return None
        group = self._queue.take(self._forecast.group_size)
        if not group:
            return None
        worker = self._workers.choose(avoid=group[0].avoid_worker)
        dispatch = Dispatch(next(self._dispatch_ids), worker, group[0].key_id, tuple(group), now)
        self._open[dispatch.dispatch_id] = dispatch
        self._workers.call_started(worker, len(group))
        for job in group:
            job.move(JobState.ADMITTED)
            job.move(JobState.RUNNING)
            job.dispatch_id = dispatch.dispatch_id
            job.starts += 1
        return dispatch

    def completed(self, now: float, dispatch: Dispatch, outcomes: Sequence[Outcome]) -> None:
        """Take in a worker's answer, one outcome for each job of the dispatch, however late it comes.

        A result of a job that already finished is dropped. A good result of a run that was given up is accepted if its
        job is not finished; an error of such a run says nothing of the run that replaces it.
        """
        if len(outcomes) != len(dispatch.jobs):
            error = WorkerLost(f"worker {dispatch.worker} answered {len(outcomes)} of {len(dispatch.jobs)} jobs")
            self.call_failed(now, dispatch, error)
            return
        good_s = [outcome.seconds for outcome in outcomes if outcome.error is None]
        if self._close(dispatch) and good_s:
            # Per-job seconds leave out what the call spent on loading a key; the call's own time counts jobs that the
            # worker runs side by side only once. The smaller predicts the next call.
            self._forecast.costs.measured(dispatch.key_id, min(now - dispatch.started_at, sum(good_s)) / len(good_s))
        for job, outcome in zip(dispatch.jobs, outcomes, strict=True):
            if job.state.final:
                self._counters.late_results += 1
            elif outcome.error is None:
                self._counters.verified_proofs += 1
                self._workers.job_completed(dispatch.worker)
                self._finish(now, job, JobState.DONE, outcome=outcome)
            elif _runs_in(dispatch, job):
                self._item_failed(now, dispatch, job, outcome.error)

    def call_failed(self, now: float, dispatch: Dispatch, error: Exception) -> None:
        """Take in that a call raised although its worker lives.

        A single job fails with the error, or runs again if that is retryable. A larger group is queued again in halves:
        one item must not take the others with it.
        """
        self._close(dispatch)
        for job in dispatch.jobs:
            if _runs_in(dispatch, job):
                if len(dispatch.jobs) == 1:
                    self._item_failed(now, dispatch, job, error)
                else:
                    self._run_in_halves(now, dispatch, job, error)

    def worker_lost(self, now: float, dispatch: Dispatch) -> None:
        """Take in that a call's worker died or does not answer: its jobs run again, not charged to them."""
        self._close(dispatch)
        self._counters.worker_losses += self._workers.lost(dispatch.worker)
        alone = len(dispatch.jobs) == 1
        for job in dispatch.jobs:
            if not _runs_in(dispatch, job):
                continue
            job.lone_losses += alone
            error = WorkerLost(
                f"worker {dispatch.worker} was lost while it ran the job ({job.starts} starts, {job.lone_losses} lost "
                "while alone); look at the worker's log before submitting it again"
            )
            if job.lone_losses >= _LONE_LOSSES:
                self._finish(now, job, JobState.DEAD_LETTER, error=error)
            else:
                self._counters.requeued += self._run_in_halves(now, dispatch, job, error)

    def _close(self, dispatch: Dispatch) -> bool:
        """Free the slot of a call; return whether the call was still expected to answer."""
        if self._open.pop(dispatch.dispatch_id, None) is None:
            return False
        self._workers.call_ended(dispatch.worker, len(dispatch.jobs))
        return True

    def _item_failed(self, now: float, dispatch: Dispatch, job: Job, error: Exception) -> None:
        job.charged += 1
        job.avoid_worker = dispatch.worker
        worth_it = is_retryable(error) and job.charged < self._retry.attempts
        wait_s = self._wait_s(now, job, job.charged) if worth_it else None
        if wait_s is None or not self._budget.spend():
            self._finish(now, job, JobState.FAILED, error=error)
        else:
            self._queue_again(now, job, wait_s)

    def _run_in_halves(self, now: float, dispatch: Dispatch, job: Job, error: Exception) -> bool:
        """Queue a job of a lost group again, in groups half as large; return false if its deadline forbids it."""
        job.avoid_worker = dispatch.worker
        job.group_limit = max(1, len(dispatch.jobs) // 2)
        wait_s = self._wait_s(now, job, job.starts)
        if wait_s is None:
            self._finish(now, job, JobState.FAILED, error=error)
            return False
        self._queue_again(now, job, wait_s)
        return True

    def _wait_s(self, now: float, job: Job, failures: int) -> float | None:
        return self._retry.wait_s(
            failures,
            service_s=self._forecast.service_s(job.key_id),
            now=now,
            deadline=job.deadline,
            rng=self._rng,
            congestion=self._forecast.congestion,
        )

    def _queue_again(self, now: float, job: Job, wait_s: float) -> None:
        job.move(JobState.QUEUED)
        self._counters.retries += 1
        self._queue.add(job, now + wait_s)

    # --- ends of jobs

    def _finish_all(self, now: float, jobs: Iterable[Job], state: JobState, error: Exception) -> int:
        unfinished = [job for job in jobs if not job.state.final]
        for job in unfinished:
            self._finish(now, job, state, error=error)
        return len(unfinished)

    def _finish(
        self, now: float, job: Job, state: JobState, *, outcome: Outcome = _NOTHING, error: Exception | None = None
    ) -> None:
        batch = self._ledger.batch(job.batch_id)
        before = job.state
        job.move(state)
        if before is JobState.QUEUED:
            self._queue.left(job)
        elif (call := self._open.get(job.dispatch_id)) is not None:
            self._effects.stops.setdefault(call.worker, []).append(job.job_id)
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
        name = _COUNTED_AS[state]
        setattr(self._counters, name, getattr(self._counters, name) + 1)
        if state in _EXECUTED:
            self._latency.ended(now, latency_s, job.key_id)
        self._capacity.give_back(1, 0)
        self._effects.changed.add(job.batch_id)
        if batch.finished:
            self._capacity.give_back(0, batch.byte_count)
            self._effects.finished.add(job.batch_id)
            self._ledger.finish(batch, now)

    # --- reading

    def take_effects(self) -> Effects:
        """Return what is to be done since the last call."""
        effects, self._effects = self._effects, Effects()
        return effects

    def next_event(self) -> float | None:
        """Return when :meth:`next_dispatch` is to be called again although nothing was reported until then."""
        times = (self._queue.next_due(), self._ledger.next_due(), self._deadlines.next_due())
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
        return self._ledger.status(now, identifier)

    @property
    def unfinished(self) -> int:
        """Jobs that have not finished."""
        return self._capacity.jobs

    def stats(self, now: float) -> ServiceStats:
        """Return the statistics as one picklable value."""
        counters = replace(self._counters)
        failed = counters.failed + counters.dead_lettered
        return ServiceStats(
            executed=counters.completed + failed,
            failed=failed,
            retry_count=counters.retries,
            queue_length=len(self._queue),
            latency=self._latency.latency,
            active_s=self._latency.active_s,
            counters=counters,
            in_flight=self._workers.jobs_in_flight,
            held_jobs=self._capacity.jobs,
            held_bytes=self._capacity.bytes,
            max_jobs=self._capacity.max_jobs,
            max_bytes=self._capacity.max_bytes,
            queue_delay_s=self._forecast.queue_delay_s,
            congestion=self._forecast.congestion,
            latency_by_key=self._latency.latency_by_key,
            hot_keys=tuple(self._hot_keys.get(_HOT_KEYS_SHOWN)),
            workers=self._workers.stats(),
            draining=self.draining,
            uptime_s=now - self._started_at,
        )


def _runs_in(dispatch: Dispatch, job: Job) -> bool:
    """Whether a job's current run is this dispatch."""
    return job.dispatch_id == dispatch.dispatch_id and job.state in _WITH_A_WORKER
