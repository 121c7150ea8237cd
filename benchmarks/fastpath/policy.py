"""What the simulator needs of a policy, and what they tell each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from benchmarks.fastpath.requests import Request


class Fault(Enum):
    """How a run of one job can end but well. ``LOST`` takes its prover with it."""

    LOST = "worker lost"
    MEMORY = "out of memory"
    INVALID = "invalid proof"
    TRANSIENT = "transient error"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """Tickets of one key, sent to one prover together. ``handle`` is the policy's own.

    Attributes
    ----------
    split
        Every job takes half the memory and a tenth more time: what an implementation does when the device is full.
    """

    prover: int
    jobs: tuple[int, ...]
    handle: object = None
    split: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """How one job of a call went: what it took, and the fault, if any."""

    job: int
    seconds: float
    peak_bytes: int
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The service does not take the job; it will after ``retry_after_s`` from whoever shows the ``ticket`` then.

    Infinite: it never will, the job takes longer than its client would wait.
    """

    retry_after_s: float
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """What the client of a job is told: a proof, or that there will be none."""

    job: int
    proved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Everything a policy wants done now.

    Attributes
    ----------
    stops
        Running jobs that need not be finished.
    probes
        Provers to be given a known task, to see whether they work.
    restarts
        Provers whose process is to be started anew.
    next_event_s
        When to ask again although nothing happened.
    """

    calls: Sequence[Call] = ()
    ended: Sequence[Ended] = ()
    stops: Sequence[int] = ()
    probes: Sequence[int] = ()
    restarts: Sequence[int] = ()
    preloads: Sequence[tuple[int, str]] = ()
    forgets: Sequence[tuple[int, str]] = ()
    next_event_s: float | None = None


class Policy(Protocol):
    """The service under test. Times are seconds of the simulation.

    A job is one submission of a request; a request that is submitted again becomes another job.
    """

    name: str

    def submit(self, now: float, job: int, request: Request, ticket: str = "") -> Refusal | None:
        """Take a request or refuse it."""

    def predicted_finish_s(self, now: float, job: int) -> float | None:
        """Return when the policy believes a job will be done; ``None`` if it has no idea."""

    def queue_length(self) -> int:
        """Jobs that wait."""

    def tick(self, now: float) -> Orders:
        """Decide everything that is to be done now."""

    def began(self, now: float, call: Call) -> None:
        """Take in that a prover has begun a call."""

    def ended(self, now: float, call: Call, runs: Sequence[Run]) -> None:
        """Take in a prover's answer."""

    def lost(self, now: float, call: Call) -> None:
        """Take in that a call's prover is gone."""

    def gone(self, now: float, prover: int) -> None:
        """Take in that a prover is gone, whether it had a call or not."""

    def back(self, now: float, prover: int) -> None:
        """Take in that a prover is back."""

    def probed(self, now: float, prover: int) -> None:
        """Take in that a prover gave the known answer."""
