"""A job: one item of a batch, the states it passes through, and its time-sortable name.

An undisturbed job goes ``queued -> admitted -> running -> verifying -> done``. Workers that report say when their jobs
go from ``admitted`` to ``running``, and to ``verifying``; a job of one that does not is ``running`` once it was sent.
Besides, see :data:`MOVES`:

- a job whose worker was lost, or whose error is retryable, goes back from ``admitted``, ``running`` or ``verifying``
  to ``queued``;
- an unfinished job may become ``cancelled``, ``expired`` or ``failed`` at any time;
- ``running -> done``: the worker reports a proof together with its verification;
- ``queued -> done``, ``admitted -> done``: a late valid proof of a run that had been given up, or one that overtook
  the report of its run.

The last five states are final: a finished job never moves again, so a cancelled job stays cancelled and no result
is delivered twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Final

from fastpath.errors import IllegalMove, UnknownJob

LOWEST_PRIORITY: Final = 0
DEFAULT_PRIORITY: Final = 5
HIGHEST_PRIORITY: Final = 9


class JobState(StrEnum):
    """Where a job is, in the order in which an undisturbed job passes."""

    QUEUED = "queued"
    """Waiting: for a worker, or for the end of its back-off."""
    ADMITTED = "admitted"
    """Sent to a worker that has not yet said that it began."""
    RUNNING = "running"
    """A worker has begun it."""
    VERIFYING = "verifying"
    """A worker has the proof and checks it."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DEAD_LETTER = "dead-letter"
    """Given up because it ended workers: two of them while it ran alone, see :mod:`fastpath.losses`."""

    @property
    def final(self) -> bool:
        """Whether a job in this state is finished."""
        return not MOVES[self]


_S = JobState
MOVES: Final[Mapping[JobState, frozenset[JobState]]] = {
    _S.QUEUED: frozenset({_S.ADMITTED, _S.DONE, _S.FAILED, _S.CANCELLED, _S.EXPIRED}),
    _S.ADMITTED: frozenset({_S.RUNNING, _S.QUEUED, _S.DONE, _S.FAILED, _S.CANCELLED, _S.EXPIRED, _S.DEAD_LETTER}),
    _S.RUNNING: frozenset(
        {_S.VERIFYING, _S.QUEUED, _S.DONE, _S.FAILED, _S.CANCELLED, _S.EXPIRED, _S.DEAD_LETTER},
    ),
    _S.VERIFYING: frozenset({_S.QUEUED, _S.DONE, _S.FAILED, _S.CANCELLED, _S.EXPIRED, _S.DEAD_LETTER}),
    _S.DONE: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.DEAD_LETTER: frozenset(),
}


@dataclass(slots=True, eq=False)
class Job:
    """One item of a batch while the scheduler holds it. Times are monotonic seconds.

    Attributes
    ----------
    row
        Index within the batch, and row of the batch's witness array.
    deadline
        ``math.inf`` when there is none.
    sequence
        Order of arrival over all jobs; kept when the job is queued again.
    starts
        How often it was sent to a worker.
    charged
        Failed runs held against the job; a lost worker is not.
    lone_losses
        Workers lost while this job ran alone, as far as is known.
    unbegun
        Workers lost that had not said that they began the job.
    tenant, size_class
        The flow of the queue it belongs to.
    cost_s
        Seconds it was predicted to take when it was submitted; what its tenant is charged.
    expected_wait_s, wait_factor
        Predicted when it was submitted, and the learned correction that the prediction holds.
    started_at
        When it was first sent to a worker.
    trial
        Taken although by prediction it cannot end in time, to learn what it really takes.
    group_limit
        Largest group it may run in: halved with every lost group, so that a job that ends workers is soon alone.
    avoid_worker
        Where it failed last.
    forgiven
        Failed runs that were put down to a device; they are not charged.
    avoid_devices
        Devices that failed, or ran out of memory, with this job.
    skips
        How often a later job was preferred because a worker had its key at hand, or because this one did not fit.
    entry
        Kept by the queue: the entry under which it waits; -1 while it runs, backs off or waits for a conflicting job.
    blocked
        It waits for a conflicting job.
    followed
        Conflicting jobs that were found waiting for it.
    head_start
        Earlier jobs that it may overtake, of its own deadline and priority, since so many others wait for it.
    """

    job_id: str
    batch_id: str
    row: int
    key_id: str
    priority: int
    deadline: float
    submitted_at: float
    sequence: int
    tenant: str = ""
    size_class: int = 0
    cost_s: float = 0.0
    expected_wait_s: float = 0.0
    wait_factor: float = 1.0
    started_at: float = math.inf
    trial: bool = False
    state: JobState = JobState.QUEUED
    starts: int = 0
    charged: int = 0
    lone_losses: int = 0
    unbegun: int = 0
    forgiven: int = 0
    group_limit: int = 1 << 30
    avoid_worker: str = ""
    avoid_devices: frozenset[str] = frozenset()
    skips: int = 0
    entry: int = -1
    blocked: bool = False
    followed: int = 0
    head_start: int = 0
    dispatch_id: int = -1

    def move(self, state: JobState) -> None:
        """Go to ``state``.

        Raises
        ------
        IllegalMove
            If :data:`MOVES` does not list the move; the job stays where it is.
        """
        if state not in MOVES[self.state]:
            raise IllegalMove(f"job {self.job_id} cannot go from {self.state} to {state}; please report this")
        self.state = state

    @property
    def order(self) -> tuple[float, int, int]:
        """Sort key of the queue: earliest deadline, then highest priority, then arrival, with its head start."""
        return self.deadline, -self.priority, self.sequence - self.head_start


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A finished job, as its submitter receives it.

    Attributes
    ----------
    index
        Position within the batch.
    state
        ``done``, ``failed``, ``cancelled``, ``expired`` or ``dead-letter``.
    payload, public_inputs
        What the worker returned; empty unless ``done``.
    error
        Why there is no payload; ``None`` exactly when ``done``.
    starts
        How often the job was sent to a worker.
    latency_s
        From submission to this record.
    service_s
        The worker's own measure of the successful run; 0 unless ``done``.
    """

    job_id: str
    batch_id: str
    index: int
    state: JobState
    payload: bytes = field(default=b"", repr=False)
    public_inputs: bytes = field(default=b"", repr=False)
    error: Exception | None = None
    starts: int = 0
    latency_s: float = 0.0
    service_s: float = 0.0


_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ENTROPY_BITS: Final = 80
_ULID_LENGTH: Final = 26  # 48 bits of milliseconds and 80 of entropy, five bits a letter
_ROW_DIGITS: Final = 7


class BatchIds:
    """Batch ids that sort by time, even within a millisecond and when the wall clock steps back (ULID, monotonic).

    Parameters
    ----------
    rng
        Source of the entropy; ``random.SystemRandom()`` makes ids that cannot be guessed.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._last = 0

    def next(self, wall_ms: int) -> str:
        """Return a new id, greater than all before."""
        fresh = wall_ms << _ENTROPY_BITS | self._rng.getrandbits(_ENTROPY_BITS)
        self._last = fresh if wall_ms > self._last >> _ENTROPY_BITS else self._last + 1
        shifts = range(5 * (_ULID_LENGTH - 1), -1, -5)
        return "".join(_CROCKFORD[self._last >> shift & 31] for shift in shifts)


def job_id_of(batch_id: str, row: int) -> str:
    """Return the id of one job; ids sort by batch, then by row."""
    return f"{batch_id}-{row:0{_ROW_DIGITS}d}"


def split_id(identifier: str) -> tuple[str, int | None]:
    """Split a job id into batch id and row; a batch id has no row.

    Raises
    ------
    UnknownJob
        If it has the form of neither.
    """
    batch_id, dash, row = identifier.partition("-")
    if not dash:
        return batch_id, None
    if not (row.isascii() and row.isdecimal()):
        raise UnknownJob(f"{identifier!r} is not the id of a batch or a job")
    return batch_id, int(row)
