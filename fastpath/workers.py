"""The workers as the scheduler sees them: what they offer, what they do, whether they are fit for work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from fastpath.breaker import BreakerPolicy, CircuitBreaker
from fastpath.errors import BadRequest
from fastpath.guard import ConcurrencyGuard, GuardPolicy
from fastpath.memory import MemoryTokens
from fastpath.residency import KeyResidency
from fastpath.scaling import advise_threads
from fastpath.statistics import WorkerStats

_MOST_SLOTS: Final = 1024


@dataclass(frozen=True, slots=True)
class WorkerOffer:
    """What a worker brings.

    Attributes
    ----------
    slots
        Calls it takes at once.
    parallel
        Jobs of a call that it works on side by side; each needs its memory.
    fewest
        Jobs in a call below which it gains next to nothing, while more wait; 0 for as many as ``parallel``.
    device, backend
        Name and arithmetic of what it computes on; costs are learned for each pair.
    device_bytes
        Memory of its own device; 0 for one that computes in the memory of its host.
    host, host_bytes
        The machine it runs on, and how much of that machine's memory its workers share; 0 bytes when not known.
    key_slots
        Keys it keeps ready at once.
    reports
        Whether it says when it begins a call, before it touches a job, and when it verifies. A call to one that does
        not counts as begun once it is sent.
    threads, cpus
        Threads it works with, and CPUs it may run on; 0 when it does not say.
    thread_rates
        Pairs of a number of threads and the work a second that they do, as far as it tried.
    """

    slots: int = 1
    parallel: int = 1
    fewest: int = 0
    device: str = "cpu"
    backend: str = ""
    device_bytes: int = 0
    host: str = ""
    host_bytes: int = 0
    key_slots: int = 16
    reports: bool = False
    threads: int = 0
    cpus: int = 0
    thread_rates: tuple[tuple[int, float], ...] = ()

    @property
    def wanted_threads(self) -> int:
        """Threads that it should have; 0 when nothing is known of it. See :func:`fastpath.scaling.advise_threads`."""
        most = max(self.threads, self.cpus)
        return advise_threads(dict(self.thread_rates), most) if self.thread_rates and most else 0

    def check(self, name: str) -> None:
        """Refuse what no worker can have.

        Raises
        ------
        BadRequest
            Naming the field.
        """
        if not isinstance(self.slots, int) or isinstance(self.slots, bool) or not 1 <= self.slots <= _MOST_SLOTS:
            raise BadRequest(f"worker {name} has {self.slots!r} slots; it must have 1 to {_MOST_SLOTS}")
        for field, least in (
            ("parallel", 1),
            ("fewest", 0),
            ("device_bytes", 0),
            ("host_bytes", 0),
            ("key_slots", 1),
            ("threads", 0),
            ("cpus", 0),
        ):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise BadRequest(f"{field} of worker {name} is {value!r}; it must be a whole number from {least} on")
        for field in ("device", "backend", "host"):
            if not isinstance(getattr(self, field), str):
                raise BadRequest(f"{field} of worker {name} must be a string")
        if any(threads < 1 or not rate > 0 for threads, rate in self.thread_rates):
            raise BadRequest(f"thread_rates of worker {name} are {self.thread_rates!r}; both of a pair are positive")
        if not isinstance(self.reports, bool):
            raise BadRequest(f"reports of worker {name} is {self.reports!r}; it must be true or false")


class Worker:
    """One worker."""

    def __init__(self, name: str, offer: WorkerOffer, rng: Random, popularity: Callable[[str], float]) -> None:
        self.name = name
        self.offer = offer
        self.alive = True
        self.calls = 0
        self.jobs = 0
        self.completed = 0
        self.losses = 0
        self.breaker = CircuitBreaker(BreakerPolicy(), rng)
        self.guard = ConcurrencyGuard(GuardPolicy(), offer.slots)
        self.keys = KeyResidency(offer.key_slots, popularity)

    @property
    def fit(self) -> bool:
        """Whether it may get calls at all."""
        return self.alive and self.breaker.closed

    @property
    def free(self) -> int:
        """Calls that it may get now."""
        return max(0, self.guard.limit - self.calls) if self.fit else 0

    @property
    def load(self) -> float:
        """Share of its slots in use."""
        return self.calls / self.offer.slots

    @property
    def pool(self) -> str:
        """The memory pool that its jobs draw on; empty when its size is not known."""
        if self.offer.device_bytes:
            return f"device of {self.name}"
        return f"host {self.offer.host}" if self.offer.host_bytes else ""

    def demand(self, peak_bytes: float, jobs: int) -> dict[str, float]:
        """Return what a call takes from the memory pools."""
        return {self.pool: peak_bytes * min(jobs, self.offer.parallel)} if self.pool and peak_bytes else {}


class Workers:
    """Workers by name. A lost worker keeps its name and gets no calls until it is revived.

    Parameters
    ----------
    rng
        For the waits of their breakers.
    popularity
        Estimated recent uses of a key, for what they keep ready.
    """

    def __init__(self, rng: Random, popularity: Callable[[str], float]) -> None:
        self._rng = rng
        self._popularity = popularity
        self._workers: dict[str, Worker] = {}
        self.memory = MemoryTokens()

    def __len__(self) -> int:
        return len(self._workers)

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers.values())

    def __contains__(self, name: object) -> bool:
        return name in self._workers

    def get(self, name: str) -> Worker | None:
        """Return a worker; ``None`` when it was removed."""
        return self._workers.get(name)

    @property
    def free_slots(self) -> int:
        """Calls that could be sent now."""
        return sum(worker.free for worker in self)

    @property
    def slots(self) -> int:
        """Calls that all workers together take when they are well."""
        return sum(worker.offer.slots for worker in self)

    @property
    def working_slots(self) -> int:
        """Calls that could be in flight at once."""
        return sum(worker.guard.limit for worker in self if worker.fit)

    @property
    def jobs_in_flight(self) -> int:
        """Jobs in unanswered calls."""
        return sum(worker.jobs for worker in self)

    def kinds(self) -> dict[tuple[str, str], int]:
        """Return the slots that could be used, by device and backend; those of unfit workers when none is fit."""
        slots: dict[tuple[str, str], int] = {}
        for worker in [worker for worker in self if worker.fit] or list(self):
            kind = (worker.offer.device, worker.offer.backend)
            slots[kind] = slots.get(kind, 0) + worker.guard.limit
        return slots

    def add(self, name: str, offer: WorkerOffer) -> None:
        """Add a worker, or revive it with this offer.

        Raises
        ------
        BadRequest
            If name or offer are malformed.
        """
        if not isinstance(name, str) or not name:
            raise BadRequest(f"a worker's name is {name!r}; it must be a non-empty string")
        if not isinstance(offer, WorkerOffer):
            raise BadRequest(f"worker {name} must come with a WorkerOffer, not with {offer!r}")
        offer.check(name)
        worker = self._workers.get(name)
        if worker is None or worker.offer != offer:
            fresh = Worker(name, offer, self._rng, self._popularity)
            if worker is not None:  # calls that are open stay counted, and so does what it has done
                fresh.calls, fresh.jobs = worker.calls, worker.jobs
                fresh.completed, fresh.losses = worker.completed, worker.losses
            self._workers[name] = worker = fresh
        worker.alive = True
        if worker.pool:
            self.memory.set_pool(worker.pool, offer.device_bytes or offer.host_bytes)

    def remove(self, name: str) -> None:
        """Forget a worker; an unknown name is forgotten already."""
        self._workers.pop(name, None)

    def revive(self, name: str) -> None:
        """Send calls to a lost worker again."""
        if name in self._workers:
            self._workers[name].alive = True

    def lost(self, name: str) -> bool:
        """Send no more calls; return whether that is news."""
        worker = self._workers.get(name)
        if worker is None or not worker.alive:
            return False
        worker.alive = False
        worker.losses += 1
        worker.keys.clear()
        return True

    def call_started(self, name: str, jobs: int, demand: Mapping[str, float]) -> None:
        """Occupy a slot and memory."""
        worker = self._workers[name]
        worker.calls += 1
        worker.jobs += jobs
        self.memory.take(demand)

    def call_ended(self, name: str, jobs: int, demand: Mapping[str, float]) -> None:
        """Free a slot and memory."""
        self.memory.give_back(demand)
        if name in self._workers:
            self._workers[name].calls -= 1
            self._workers[name].jobs -= jobs

    def next_probe(self) -> float | None:
        """Return when the next probe is due; ``None`` when none is."""
        due = (worker.breaker.next_due() for worker in self if worker.alive)
        return min((time for time in due if time is not None), default=None)

    def take_probes(self, now: float) -> list[str]:
        """Return the workers that are to be probed now."""
        return [worker.name for worker in self if worker.alive and worker.breaker.take_probe(now)]

    def stats(self) -> tuple[WorkerStats, ...]:
        """Return each worker as it is now."""
        return tuple(
            WorkerStats(
                name=worker.name,
                alive=worker.alive,
                slots=worker.offer.slots,
                calls_in_flight=worker.calls,
                jobs_in_flight=worker.jobs,
                completed=worker.completed,
                losses=worker.losses,
                limit=worker.guard.limit,
                breaker=str(worker.breaker.state),
                breaker_opened=worker.breaker.opened,
                keys=len(worker.keys),
                key_hits=worker.keys.hits,
                key_misses=worker.keys.misses,
                threads=worker.offer.threads,
                wanted_threads=worker.offer.wanted_threads,
            )
            for worker in self
        )
