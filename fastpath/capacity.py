"""How many jobs and bytes are held at once, and the part of it that is kept for small tenants.

One tenant alone may hold everything. While there are others, the last tenth of the jobs is for tenants that hold less
than an even share, so that no tenant can fill the queue and lock the others out.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

_KEPT: Final = 0.1
_RECENT_S: Final = 300.0
_SEEN: Final = 4096


class Capacity:
    """A bound in jobs and bytes. A batch is taken whole or not at all.

    Bytes stand for the shared memory in which the inputs lie: those of a batch stay there until its last job has ended.
    """

    def __init__(self, max_jobs: int, max_bytes: int) -> None:
        self.max_jobs = max_jobs
        self.max_bytes = max_bytes
        self.jobs = 0
        self.bytes = 0
        self._of_tenants: Counter[str] = Counter()
        self._seen: dict[str, float] = {}

    def __str__(self) -> str:
        return f"the queue ({self.jobs} of {self.max_jobs} jobs, {self.bytes} of {self.max_bytes} bytes held)"

    @property
    def tenants(self) -> int:
        """Tenants that hold jobs."""
        return len(self._of_tenants)

    def held_by(self, tenant: str) -> int:
        """Return the jobs that a tenant holds."""
        return self._of_tenants[tenant]

    def seen(self, now: float, tenant: str) -> None:
        """Take in that a tenant submits, whether or not it is taken."""
        self._seen.pop(tenant, None)
        self._seen[tenant] = now  # the dict is in the order of the times
        while len(self._seen) > _SEEN or now - next(iter(self._seen.values())) > _RECENT_S:
            del self._seen[next(iter(self._seen))]

    def excess(self, tenant: str, jobs: int, byte_count: int, promised_jobs: int = 0) -> tuple[int, int]:
        """Return by how many jobs and bytes a batch does not fit; ``(0, 0)`` when it does.

        Parameters
        ----------
        promised_jobs
            Jobs for which room is to be kept besides.
        """
        held = self._of_tenants[tenant] + jobs
        others = len(self._seen) - (tenant in self._seen)
        kept = promised_jobs
        if others > 0 and held * (others + 1) > self.max_jobs:
            kept += int(_KEPT * self.max_jobs)
        # What is kept for others must not lock out the first batch into an empty queue.
        room = self.max_jobs - (kept if self.jobs else 0)
        return max(0, self.jobs + jobs - room), max(0, self.bytes + byte_count - self.max_bytes)

    def take(self, tenant: str, jobs: int, byte_count: int) -> None:
        """Count a batch in."""
        self.jobs += jobs
        self.bytes += byte_count
        self._of_tenants[tenant] += jobs

    def give_back(self, tenant: str, jobs: int, byte_count: int) -> None:
        """Count finished jobs, or the bytes of a finished batch, out."""
        self.jobs -= jobs
        self.bytes -= byte_count
        self._of_tenants[tenant] -= jobs
        if not self._of_tenants[tenant]:
            del self._of_tenants[tenant]
