"""Jobs that wait, in the order in which they are to run, and the bound on how many are held."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from fastpath.job import Job, JobState


class Capacity:
    """A bound in jobs and bytes. A batch is taken whole or not at all."""

    def __init__(self, max_jobs: int, max_bytes: int) -> None:
        self.max_jobs = max_jobs
        self.max_bytes = max_bytes
        self.jobs = 0
        self.bytes = 0

    def __str__(self) -> str:
        return f"the queue ({self.jobs} of {self.max_jobs} jobs, {self.bytes} of {self.max_bytes} bytes held)"

    def excess(self, jobs: int, byte_count: int) -> tuple[int, int]:
        """Return by how many jobs and bytes a batch does not fit; ``(0, 0)`` when it does."""
        return max(0, self.jobs + jobs - self.max_jobs), max(0, self.bytes + byte_count - self.max_bytes)

    def take(self, jobs: int, byte_count: int) -> None:
        """Count a batch in."""
        self.jobs += jobs
        self.bytes += byte_count

    def give_back(self, jobs: int, byte_count: int) -> None:
        """Count finished jobs, or the bytes of a finished batch, out."""
        self.jobs -= jobs
        self.bytes -= byte_count


@dataclass(slots=True)
class _Waiting:
    """Jobs of one key that are ready to run, at least one. ``heap`` may also hold jobs that have finished."""

    heap: list[tuple[tuple[float, int, int], Job]] = field(default_factory=list)
    ready: int = 0

    def head(self) -> Job:
        """Return the first job that still waits, without taking it. There must be one."""
        while self.heap[0][1].state is not JobState.QUEUED:
            heapq.heappop(self.heap)
        return self.heap[0][1]

    def order(self) -> tuple[float, int, int]:
        """Return the sort key of the first job."""
        return self.head().order

    def sweep(self) -> None:
        """Drop jobs that left once they are the majority: memory follows the jobs that wait."""
        if len(self.heap) > 2 * self.ready + 64:
            self.heap = [entry for entry in self.heap if entry[1].state is JobState.QUEUED]
            heapq.heapify(self.heap)


class JobQueue:
    """Earliest deadline first, then highest priority, then arrival; taken in groups of one key.

    A job leaves by :meth:`take`, or by finishing followed by :meth:`left`: its entry is then skipped when it comes up.
    Adding costs O(log n), taking a group O(keys + group log n).
    """

    def __init__(self) -> None:
        self._keys: dict[str, _Waiting] = {}
        self._delayed: list[tuple[float, int, Job]] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, job: Job, not_before: float | None = None) -> None:
        """Queue a job, from ``not_before`` on if that is given."""
        self._length += 1
        if not_before is None:
            self._make_ready(job)
        else:
            heapq.heappush(self._delayed, (not_before, job.sequence, job))

    def _make_ready(self, job: Job) -> None:
        job.ready = True
        waiting = self._keys.setdefault(job.key_id, _Waiting())
        waiting.ready += 1
        heapq.heappush(waiting.heap, (job.order, job))

    def left(self, job: Job) -> None:
        """Take note that a queued job has finished without being taken."""
        self._length -= 1
        if job.ready:
            job.ready = False
            waiting = self._keys[job.key_id]
            waiting.ready -= 1
            if waiting.ready:
                waiting.sweep()
            else:
                del self._keys[job.key_id]

    def next_due(self) -> float | None:
        """Return when the next back-off ends; ``None`` if no job is backing off."""
        while self._delayed and self._delayed[0][2].state is not JobState.QUEUED:
            heapq.heappop(self._delayed)
        return self._delayed[0][0] if self._delayed else None

    def wake(self, now: float) -> None:
        """Make the jobs ready whose back-off has ended."""
        while (due := self.next_due()) is not None and due <= now:
            self._make_ready(heapq.heappop(self._delayed)[2])

    def take(self, group_size: Callable[[str, int], int]) -> list[Job]:
        """Take the next group: the first job of all, and the jobs of its key that follow it.

        Parameters
        ----------
        group_size
            Called with the key and the number of its waiting jobs; returns the most to take, at least one.

        Returns
        -------
        Jobs of one key in order, no more than any member's ``group_limit``; empty if nothing is ready.
        """
        if not self._keys:
            return []
        waiting = min(self._keys.values(), key=_Waiting.order)
        group: list[Job] = []
        first = waiting.head()
        limit = max(1, group_size(first.key_id, waiting.ready))
        while waiting.ready and len(group) < min(limit, waiting.head().group_limit):
            job = heapq.heappop(waiting.heap)[1]
            limit = min(limit, job.group_limit)
            job.ready = False
            waiting.ready -= 1
            self._length -= 1
            group.append(job)
        if not waiting.ready:
            del self._keys[first.key_id]
        return group
