"""The workers, their slots, and the choice among them."""

from __future__ import annotations

from dataclasses import dataclass

from fastpath.errors import BadRequest
from fastpath.statistics import WorkerStats


@dataclass(slots=True)
class _Worker:
    slots: int
    alive: bool = True
    calls: int = 0
    jobs: int = 0
    completed: int = 0
    losses: int = 0

    @property
    def free(self) -> int:
        return max(0, self.slots - self.calls) if self.alive else 0


class Workers:
    """Workers by name. A lost worker keeps its name and gets no calls until it is revived."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def free_slots(self) -> int:
        """Calls that could be sent now."""
        return sum(worker.free for worker in self._workers.values())

    @property
    def alive_slots(self) -> int:
        """Calls that could be in flight at once."""
        return sum(worker.slots for worker in self._workers.values() if worker.alive)

    @property
    def jobs_in_flight(self) -> int:
        """Jobs in unanswered calls."""
        return sum(worker.jobs for worker in self._workers.values())

    def add(self, name: str, slots: int) -> None:
        """Add a worker, or revive it with this many slots.

        Raises
        ------
        BadRequest
            If name or slots are malformed.
        """
        if not isinstance(name, str) or not name:
            raise BadRequest(f"a worker's name is {name!r}; it must be a non-empty string")
        if not isinstance(slots, int) or isinstance(slots, bool) or slots < 1:
            raise BadRequest(f"worker {name} has {slots!r} slots; it must have at least 1")
        worker = self._workers.setdefault(name, _Worker(slots))
        worker.slots = slots
        worker.alive = True

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
        return True

    def choose(self, avoid: str = "") -> str:
        """Return a worker with a free slot: another than ``avoid`` if there is one, then the least loaded.

        There must be a free slot.
        """
        free = [name for name, worker in self._workers.items() if worker.free]
        return min(free, key=lambda name: (name == avoid, self._workers[name].calls / self._workers[name].slots))

    def call_started(self, name: str, jobs: int) -> None:
        """Occupy a slot."""
        worker = self._workers[name]
        worker.calls += 1
        worker.jobs += jobs

    def call_ended(self, name: str, jobs: int) -> None:
        """Free a slot."""
        if name in self._workers:
            self._workers[name].calls -= 1
            self._workers[name].jobs -= jobs

    def job_completed(self, name: str) -> None:
        """Count a result."""
        if name in self._workers:
            self._workers[name].completed += 1

    def stats(self) -> tuple[WorkerStats, ...]:
        """Return each worker as it is now."""
        return tuple(
            WorkerStats(name, w.alive, w.slots, w.calls, w.jobs, w.completed, w.losses)
            for name, w in self._workers.items()
        )
