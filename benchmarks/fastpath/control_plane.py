"""The service's own scheduler in the simulator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Final

from benchmarks.fastpath.policy import Call, Ended, Fault, Orders, Refusal, Run
from benchmarks.fastpath.requests import Request, Trace
from fastpath.conflicts import Access
from fastpath.decisions import BatchStatus, Dispatch, Outcome
from fastpath.errors import DeadlineExceeded, Overloaded, Unavailable
from fastpath.job import JobState
from fastpath.scheduler import Scheduler
from fastpath.settings import SchedulerSettings
from fastpath.submission import Submission
from fastpath.workers import WorkerOffer

_WITHOUT_WORKERS_S: Final = 5.0
_WITNESS_BYTES: Final = 1 << 20


_CODES: Final = {Fault.MEMORY: "out_of_memory", Fault.INVALID: "invalid_proof"}
"""How the provers' errors name themselves; see :mod:`fastpath.failures`."""


class RunError(Exception):
    """A simulated fault that may not come again."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.code = _CODES.get(fault, "simulated")
        self.retryable = True


class ControlPlane:
    """:class:`fastpath.scheduler.Scheduler`, driven as the actor drives it: one batch of one job a submission.

    Parameters
    ----------
    declares
        Whether clients declare what their requests read and write.

    Attributes
    ----------
    charged
        Runs of jobs that have ended which count against them: those that failed by the job's fault, as far as is known,
        and the good one.
    """

    name = "fastpath"

    def __init__(self, trace: Trace, settings: SchedulerSettings | None = None, *, declares: bool = True) -> None:
        rng = Random(f"policy {trace.seed}")
        self.scheduler = Scheduler(settings or SchedulerSettings(), rng)
        self._declares = declares
        self.charged = 0
        for prover in range(trace.provers):
            offer = WorkerOffer(
                slots=trace.lanes,
                device=f"device-{prover}",
                backend="simulated",
                device_bytes=trace.memory_bytes,
                host=f"host-{prover}",
                key_slots=trace.keys_kept,
                reports=True,
            )
            self.scheduler.add_worker(str(prover), offer)

    def submit(self, now: float, job: int, request: Request, ticket: str = "") -> Refusal | None:
        """Submit a batch of one job."""
        accesses = (Access(request.reads, request.writes),) if self._declares and request.writes | request.reads else ()
        submission = Submission(
            key_id=request.key_id,
            count=1,
            item_bytes=_WITNESS_BYTES,
            deadline_s=None if request.patience_s == math.inf else request.patience_s,
            tenant=request.tenant,
            domain_size=request.domain_size,
            accesses=accesses,
            ticket=ticket,
        )
        try:
            self.scheduler.submit(now, str(job), submission)
        except Overloaded as refusal:
            return Refusal(refusal.retry_after_s, refusal.ticket)
        except Unavailable:
            return Refusal(_WITHOUT_WORKERS_S)
        except DeadlineExceeded:
            return Refusal(math.inf)
        return None

    def predicted_finish_s(self, now: float, job: int) -> float | None:
        """Return what the scheduler says of the batch."""
        status = self.scheduler.status(now, str(job))
        assert isinstance(status, BatchStatus)
        return now + status.remaining_s

    def queue_length(self) -> int:
        """Return nothing: its clients do not ask."""
        return 0

    def tick(self, now: float) -> Orders:
        """Return the scheduler's decisions; acknowledge what has finished."""
        decisions = self.scheduler.tick(now)
        calls = [
            Call(int(dispatch.worker), tuple(int(job.batch_id) for job in dispatch.jobs), dispatch)
            for dispatch in decisions.dispatches
        ]
        effects = decisions.effects
        return Orders(
            calls=calls,
            ended=[self._ended(batch_id) for batch_id in sorted(effects.finished)],
            stops=[int(job_id.partition("-")[0]) for ids in effects.stops.values() for job_id in ids],
            probes=_indices(effects.probes),
            restarts=_indices(effects.recycles),
            preloads=_keys_by_prover(effects.preloads),
            forgets=_keys_by_prover(effects.forgets),
            next_event_s=decisions.next_event,
        )

    def _ended(self, batch_id: str) -> Ended:
        (record,) = self.scheduler.records(batch_id)
        (job,) = self.scheduler._ledger.batch(batch_id).jobs  # noqa: SLF001 - what is charged is told to nobody
        self.charged += job.charged + (record.state is JobState.DONE)
        self.scheduler.acknowledge(batch_id)
        return Ended(int(batch_id), record.state is JobState.DONE)

    def began(self, now: float, call: Call) -> None:  # noqa: ARG002
        """Report that a worker has begun its jobs."""
        dispatch = _dispatch(call)
        self.scheduler.reported(dispatch.worker, [job.job_id for job in dispatch.jobs], JobState.RUNNING)

    def ended(self, now: float, call: Call, runs: Sequence[Run]) -> None:
        """Report a worker's answer."""
        self.scheduler.completed(now, _dispatch(call), [_outcome(run) for run in runs])

    def lost(self, now: float, call: Call) -> None:
        """Report the loss of a call."""
        self.scheduler.worker_lost(now, _dispatch(call))

    def gone(self, now: float, prover: int) -> None:
        """An idle worker's loss shows when a call to it fails; the actor does not see it earlier either."""

    def back(self, now: float, prover: int) -> None:  # noqa: ARG002
        """Report that a worker answers again."""
        self.scheduler.worker_back(str(prover))

    def probed(self, now: float, prover: int) -> None:
        """Report the right answer of a worker that was asked."""
        self.scheduler.probed(now, str(prover), passed=True)


def _indices(names: Iterable[str]) -> list[int]:
    return [int(name) for name in names]


def _keys_by_prover(keys: Mapping[str, Sequence[str]]) -> list[tuple[int, str]]:
    return [(int(name), key) for name, of_worker in keys.items() for key in of_worker]


def _dispatch(call: Call) -> Dispatch:
    assert isinstance(call.handle, Dispatch)
    return call.handle


def _outcome(run: Run) -> Outcome:
    if run.fault is None:
        return Outcome(payload=b"proof", seconds=run.seconds, peak_bytes=run.peak_bytes)
    return Outcome(error=_error(run.fault), seconds=run.seconds, peak_bytes=run.peak_bytes)


def _error(fault: Fault) -> Exception:
    return RunError(fault)
