"""The values that go into and come out of the scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastpath.job import Job


@dataclass(frozen=True, slots=True, eq=False)
class Dispatch:
    """A group of jobs of one key, to be sent to one worker in one call."""

    dispatch_id: int
    worker: str
    key_id: str
    jobs: tuple[Job, ...]
    started_at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker says of one job: a payload, or an error."""

    payload: bytes = field(default=b"", repr=False)
    public_inputs: bytes = field(default=b"", repr=False)
    error: Exception | None = None
    seconds: float = 0.0


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
    """

    changed: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    stops: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancellation:
    """How many jobs a cancellation reached, how many of those a worker had, and how many it came too late for."""

    cancelled: int
    running: int
    already_finished: int


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as it is now. ``deadline_in_s`` is negative once it has passed, ``None`` when there is no deadline."""

    job_id: str
    batch_id: str
    index: int
    key_id: str
    state: str
    priority: int
    starts: int
    age_s: float
    deadline_in_s: float | None


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch as it is now; ``states`` counts its jobs by state."""

    batch_id: str
    key_id: str
    submitter: str
    count: int
    states: Mapping[str, int]
    finished: bool
    age_s: float
