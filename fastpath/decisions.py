"""The values that go into and come out of the scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastpath.job import Job


@dataclass(frozen=True, slots=True, eq=False)
class Dispatch:
    """A group of jobs of one key, to be sent to one worker in one call.

    Attributes
    ----------
    timeout_s
        A worker that has not answered by then is to be reported with ``timed_out=True`` as lost, and restarted.
    """

    dispatch_id: int
    worker: str
    key_id: str
    jobs: tuple[Job, ...]
    started_at: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker says of one job: a payload, or an error.

    Attributes
    ----------
    seconds
        Of work on this job alone.
    peak_bytes
        Memory that the job needed at most; 0 when the worker does not measure it.
    """

    payload: bytes = field(default=b"", repr=False)
    public_inputs: bytes = field(default=b"", repr=False)
    error: Exception | None = None
    seconds: float = 0.0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Effects:
    """What the driver is to do.

    Attributes
    ----------
    changed
        Batches with new records: wake those who wait for them.
    finished
        Batches whose inputs are not needed any more.
    stops
        Jobs that workers need not finish, by worker.
    probes
        Workers to be tested by a known answer; report the result with :meth:`Scheduler.probed`.
    recycles
        Workers whose process is to be restarted: their device failed.
    preloads, forgets
        Keys that workers are to load ahead, and to let go of, by worker. A worker may ignore both.
    alarms
        What an operator must hear of, one sentence each.
    """

    changed: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    stops: dict[str, list[str]] = field(default_factory=dict)
    probes: list[str] = field(default_factory=list)
    recycles: list[str] = field(default_factory=list)
    preloads: dict[str, list[str]] = field(default_factory=dict)
    forgets: dict[str, list[str]] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Decisions:
    """All that is to be done now, and when to ask again although nothing happened; ``None`` for never."""

    dispatches: tuple[Dispatch, ...]
    effects: Effects
    next_event: float | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a submission became.

    Attributes
    ----------
    batch_id
        The id that was given, or that of the earlier batch with the same idempotency key.
    job_ids
        One for each item, in order.
    repeated
        Whether it is an earlier batch.
    """

    batch_id: str
    job_ids: tuple[str, ...]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Cancellation:
    """How many jobs a cancellation reached, how many of those a worker had, and how many it came too late for."""

    cancelled: int
    running: int
    already_finished: int


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as it is now.

    Attributes
    ----------
    deadline_in_s
        Negative once it has passed, ``None`` when there is no deadline.
    remaining_s
        Predicted seconds until its result; 0 when it has finished.
    step
        What the worker does with it now, in the worker's words; empty when it does not run, or the worker does not say.
    """

    job_id: str
    batch_id: str
    index: int
    key_id: str
    state: str
    priority: int
    starts: int
    age_s: float
    deadline_in_s: float | None
    remaining_s: float
    step: str = ""


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch as it is now.

    Attributes
    ----------
    states
        Its jobs, counted by state.
    remaining_s
        Predicted seconds until its last result; 0 when it has finished.
    """

    batch_id: str
    key_id: str
    submitter: str
    count: int
    states: Mapping[str, int]
    finished: bool
    age_s: float
    remaining_s: float
    tenant: str
