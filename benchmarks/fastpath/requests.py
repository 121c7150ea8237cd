"""What is asked of the simulated service: requests, and what happens to its provers meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One proof that a client wants. Policies see neither ``service_s``, ``peak_bytes`` nor ``size``.

    Attributes
    ----------
    number
        Order of arrival, from 0.
    service_s
        What a prover will need for it.
    patience_s
        How long a client waits for an answer; also the deadline that it states.
    peak_bytes
        What it needs of a device's memory meanwhile.
    domain_size
        Of its key's evaluation domain, to which its time is roughly proportional.
    size
        Its class in the figures: ``"small"`` or ``"large"``.
    reads, writes
        Keys of shared state; two requests conflict when one writes what the other reads or writes.
    """

    number: int
    arrival_s: float
    tenant: str
    key_id: str
    service_s: float
    patience_s: float
    peak_bytes: int = GIB
    domain_size: int = 1 << 15
    size: str = "small"
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outage:
    """A prover that is away from ``start_s`` to ``end_s``; what it had is lost."""

    prover: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """Shares of runs that end in a fault; which ones follows from the seed, the request and the number of the run.

    Attributes
    ----------
    lost
        The prover's process ends with all it has, and is back after ``restart_s``.
    memory
        The device is out of memory; the run needs to be split.
    invalid
        The device made a proof that does not verify.
    transient
        An error of no known cause that may not come again: charged to the job.
    """

    lost: float = 0.0
    memory: float = 0.0
    invalid: float = 0.0
    transient: float = 0.0
    restart_s: float = 2.0

    @property
    def total(self) -> float:
        """Share of runs with any fault."""
        return self.lost + self.memory + self.invalid + self.transient


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A reproducible run: the same for every policy.

    Attributes
    ----------
    requests
        In order of arrival.
    provers, lanes
        Provers, and calls that each works on at once.
    memory_bytes
        Device memory of a prover, shared by its lanes.
    key_load_s
        What the first call of a key on a prover costs beyond its jobs; a prover keeps ``keys_kept`` keys.
    marks
        Moments the figures refer to, by name, such as the end of a burst.
    """

    name: str
    seed: int
    requests: Sequence[Request]
    provers: int = 8
    lanes: int = 1
    memory_bytes: int = 24 * GIB
    key_load_s: float = 0.0
    keys_kept: int = 64
    outages: tuple[Outage, ...] = ()
    faults: FaultRates = FaultRates()
    marks: dict[str, float]

    @property
    def capacity(self) -> int:
        """Prover-seconds a second."""
        return self.provers * self.lanes
