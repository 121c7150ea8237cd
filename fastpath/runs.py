"""Calls to workers, from their start to what becomes of their jobs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from random import Random
from typing import Final

from fastpath.congestion import Congestion
from fastpath.decisions import Dispatch, Outcome
from fastpath.dispatch import Plan
from fastpath.endings import Endings
from fastpath.errors import WorkerLost
from fastpath.failures import ErrorCounts, FailureClass, classify
from fastpath.fair_queue import FairQueue
from fastpath.forecast import Forecast
from fastpath.job import Job, JobState
from fastpath.losses import LONE_LOSSES, may_have_begun
from fastpath.retry import RetryBudget, RetryPolicy
from fastpath.settings import SchedulerSettings
from fastpath.workers import Worker, Workers

_FORGIVEN: Final = 2
WITH_A_WORKER: Final = frozenset({JobState.ADMITTED, JobState.RUNNING, JobState.VERIFYING})


class Runs:
    """Opens and closes calls. What each kind of failure leads to is the table of :mod:`fastpath.failures`.

    A group lost with its worker is queued again in halves, so that a job which ends workers is alone after at most
    log2(max_group) losses; two losses alone make it a dead letter. What the worker had not begun does not count, see
    :mod:`fastpath.losses`.
    """

    def __init__(
        self,
        settings: SchedulerSettings,
        rng: Random,
        queue: FairQueue,
        workers: Workers,
        forecast: Forecast,
        endings: Endings,
        calls: dict[int, Dispatch],
    ) -> None:
        self._settings = settings
        self._rng = rng
        self._queue = queue
        self._workers = workers
        self._forecast = forecast
        self._endings = endings
        self._calls = calls
        self._demands: dict[int, dict[str, float]] = {}
        self._numbers = itertools.count()
        self._retry = RetryPolicy(attempts=settings.attempts)
        self._congestion = Congestion()
        self.budget = RetryBudget()
        self.errors = ErrorCounts()

    def start(self, now: float, plan: Plan) -> Dispatch:
        """Take the jobs of a plan from the queue and open their call."""
        group = self._queue.take(plan.flow_id, plan.first, plan.most)
        timeout_s = plan.timeout_s(len(group), self._settings.call_timeout_s)
        worker = plan.worker
        dispatch = Dispatch(next(self._numbers), worker.name, group[0].key_id, tuple(group), now, timeout_s)
        demand = plan.demand(len(group))
        self._calls[dispatch.dispatch_id] = dispatch
        self._demands[dispatch.dispatch_id] = demand
        self._workers.call_started(worker.name, len(group), demand)
        self._forecast.call_started(dispatch.dispatch_id, worker.name, now + len(group) * plan.cost.seconds)
        forgotten = worker.keys.use(dispatch.key_id)
        if forgotten:
            self._endings.effects.forgets.setdefault(worker.name, []).extend(forgotten)
        for job in group:
            self._forecast.waited(job, now - job.submitted_at)
            job.started_at = min(job.started_at, now)
            job.move(JobState.ADMITTED)
            job.dispatch_id = dispatch.dispatch_id
            job.starts += 1
        if not worker.offer.reports:
            self.reported(dispatch, group, JobState.RUNNING)
        return dispatch

    def reported(self, dispatch: Dispatch, jobs: Sequence[Job], state: JobState) -> None:
        """Take in that a worker has got as far as ``state`` with jobs of a call; what comes late or twice says nothing.

        Parameters
        ----------
        state
            ``running`` or ``verifying``.
        """
        for job in jobs:
            if not runs_in(dispatch, job):
                continue
            if job.state is JobState.ADMITTED:
                job.move(JobState.RUNNING)
            if job.state is JobState.RUNNING and state is JobState.VERIFYING:
                job.move(JobState.VERIFYING)

    # --- answers

    def completed(self, now: float, dispatch: Dispatch, outcomes: Sequence[Outcome]) -> None:
        """Take in a worker's answer, one outcome for each job of the dispatch, however late it comes."""
        if len(outcomes) != len(dispatch.jobs):
            error = WorkerLost(f"worker {dispatch.worker} answered {len(outcomes)} of {len(dispatch.jobs)} jobs")
            self.call_failed(now, dispatch, error)
            return
        if self._close(dispatch):
            self._learn(now, dispatch, outcomes)
        for job, outcome in zip(dispatch.jobs, outcomes, strict=True):
            self._endings.tenants.of(job.tenant).served_s += outcome.seconds
            if job.state.final:
                self._endings.counters.late_results += 1
                self._endings.counters.wasted_s += outcome.seconds
            elif outcome.error is None:
                self._endings.counters.verified_proofs += 1
                if (worker := self._workers.get(dispatch.worker)) is not None:
                    worker.completed += 1
                self._endings.finish(now, job, JobState.DONE, outcome=outcome)
            else:
                self._endings.counters.wasted_s += outcome.seconds
                if runs_in(dispatch, job):
                    self._item_failed(now, dispatch, job, outcome.error)

    def call_failed(self, now: float, dispatch: Dispatch, error: Exception) -> None:
        """Take in that a call raised although its worker lives.

        A single job fails with the error, or runs again if that is retryable. A larger group is queued again in halves:
        one item must not take the others with it.
        """
        if self._close(dispatch):
            self._judge_device(now, dispatch, [classify(error)])
        for job in dispatch.jobs:
            if runs_in(dispatch, job):
                if len(dispatch.jobs) == 1:
                    self._item_failed(now, dispatch, job, error)
                else:
                    self._run_in_halves(now, dispatch, job, error)

    def lost(self, now: float, dispatch: Dispatch, *, timed_out: bool = False) -> None:
        """Take in that a call's worker died, or did not answer in time."""
        worker = self._workers.get(dispatch.worker)
        # A worker that was restarted because its device failed says nothing against the jobs it had.
        innocent = worker is not None and not worker.breaker.closed
        if self._close(dispatch):
            self._endings.counters.timeouts += timed_out
            self._endings.counters.wasted_s += now - dispatch.started_at
        self._endings.counters.worker_losses += self._workers.lost(dispatch.worker)
        alone = len(dispatch.jobs) == 1 and not innocent
        what = "gave no answer in time" if timed_out else "was lost"
        self.errors.count(FailureClass.TIMED_OUT if timed_out else FailureClass.WORKER_LOST)
        for job in dispatch.jobs:
            if not runs_in(dispatch, job):
                continue
            if not may_have_begun(job):
                job.unbegun += 1
                job.avoid_worker = dispatch.worker
                self._endings.counters.requeued += 1
                self._queue_again(now, job, 0.0)
                continue
            job.lone_losses += alone
            job.charged += timed_out
            error = WorkerLost(
                f"worker {dispatch.worker} {what} while it ran the job ({job.starts} starts, {job.lone_losses} lost "
                "while alone); look at the worker's log before submitting it again"
            )
            if job.lone_losses >= LONE_LOSSES:
                self._endings.finish(now, job, JobState.DEAD_LETTER, error=error)
            elif job.charged >= self._settings.attempts:
                self._endings.finish(now, job, JobState.FAILED, error=error)
            else:
                self._endings.counters.requeued += self._run_in_halves(now, dispatch, job, error)

    def _close(self, dispatch: Dispatch) -> bool:
        """Free what a call occupied; return whether it was still expected to answer."""
        if self._calls.pop(dispatch.dispatch_id, None) is None:
            return False
        demand = self._demands.pop(dispatch.dispatch_id)
        self._workers.call_ended(dispatch.worker, len(dispatch.jobs), demand)
        self._forecast.call_ended(dispatch.dispatch_id)
        return True

    # --- what an answer teaches

    def _learn(self, now: float, dispatch: Dispatch, outcomes: Sequence[Outcome]) -> None:
        kinds = [classify(outcome.error) for outcome in outcomes if outcome.error is not None]
        self._judge_device(now, dispatch, kinds)
        good = [outcome for outcome in outcomes if outcome.error is None]
        worker = self._workers.get(dispatch.worker)
        if not good or worker is None:
            return
        work_s = sum(outcome.seconds for outcome in good)
        # Per-job seconds leave out what the call spent on loading a key; the call's own time counts jobs that the
        # worker runs side by side only once. The smaller predicts the next call.
        seconds = min(now - dispatch.started_at, work_s) / len(good)
        self._forecast.measured(dispatch, worker, seconds, max(outcome.peak_bytes for outcome in good))
        worker.guard.ended(dispatch.key_id, work_s / len(good))

    def _judge_device(self, now: float, dispatch: Dispatch, kinds: Sequence[FailureClass]) -> None:
        worker = self._workers.get(dispatch.worker)
        if worker is None:
            return
        if FailureClass.OUT_OF_MEMORY in kinds:
            self._forecast.costs.out_of_memory(dispatch.key_id, worker.offer.device, worker.offer.backend)
        invalid = kinds.count(FailureClass.INVALID_PROOF)
        self._endings.counters.invalid_proofs += invalid
        if invalid and worker.breaker.quarantine(now):
            self._out_of_service(worker, "made a proof that does not verify")
        elif any(kind.of_the_device for kind in kinds):
            if worker.breaker.failed(now):
                self._out_of_service(worker, "failed several calls in a row")
        else:
            worker.breaker.succeeded()

    def _out_of_service(self, worker: Worker, why: str) -> None:
        """Restart a worker whose device failed: its memory is surely free again only then."""
        self._endings.counters.alarms += 1
        self._endings.effects.alarms.append(
            f"worker {worker.name} ({worker.offer.device}) {why}; it gets no work until it has given a known answer"
        )
        self._endings.effects.recycles.append(worker.name)
        worker.alive = False
        worker.keys.clear()

    # --- jobs that did not succeed

    def _item_failed(self, now: float, dispatch: Dispatch, job: Job, error: Exception) -> None:
        self.errors.add(error)
        kind = classify(error)
        job.avoid_worker = dispatch.worker
        if kind is FailureClass.OUT_OF_MEMORY and len(dispatch.jobs) > 1:
            self._run_in_halves(now, dispatch, job, error)
            return
        if self._is_forgiven(dispatch, job, kind):
            job.forgiven += 1
            wait_s = self._wait_s(now, job, job.forgiven)
            if wait_s is not None:
                self._queue_again(now, job, wait_s)
                return
        job.charged += 1
        again = kind is not FailureClass.FATAL and job.charged < self._retry.attempts
        wait_s = self._wait_s(now, job, job.charged) if again else None
        if wait_s is None or not self.budget.spend():
            self._endings.finish(now, job, JobState.FAILED, error=error)
        else:
            self._queue_again(now, job, wait_s)

    def _is_forgiven(self, dispatch: Dispatch, job: Job, kind: FailureClass) -> bool:
        """Whether a failure speaks against a device rather than the job: the first there, and one of the first two."""
        worker = self._workers.get(dispatch.worker)
        if worker is None or not (kind.of_the_device or kind is FailureClass.OUT_OF_MEMORY):
            return False
        known = worker.offer.device in job.avoid_devices
        job.avoid_devices |= {worker.offer.device}
        return not known and job.forgiven < _FORGIVEN

    def _run_in_halves(self, now: float, dispatch: Dispatch, job: Job, error: Exception) -> bool:
        """Queue a job of a failed group again, in groups half as large; return false if its deadline forbids it."""
        job.avoid_worker = dispatch.worker
        job.group_limit = max(1, len(dispatch.jobs) // 2)
        wait_s = self._wait_s(now, job, job.starts)
        if wait_s is None:
            self._endings.finish(now, job, JobState.FAILED, error=error)
            return False
        self._queue_again(now, job, wait_s)
        return True

    def _wait_s(self, now: float, job: Job, failures: int) -> float | None:
        return self._retry.wait_s(
            failures,
            service_s=self._forecast.cost_s(job.key_id),
            now=now,
            deadline=job.deadline,
            rng=self._rng,
            congestion=self.congestion,
        )

    @property
    def congestion(self) -> float:
        """Position of the queue on the scale from 1 to 10."""
        return self._congestion.multiplier(len(self._queue), self._forecast.queue_delay_s)

    def _queue_again(self, now: float, job: Job, wait_s: float) -> None:
        job.move(JobState.QUEUED)
        self._endings.counters.retries += 1
        self._queue.add(job, now + wait_s)


def runs_in(dispatch: Dispatch, job: Job) -> bool:
    """Whether a job's current run is this dispatch."""
    return job.dispatch_id == dispatch.dispatch_id and job.state in WITH_A_WORKER
