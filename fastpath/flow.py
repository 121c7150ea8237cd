"""The ready jobs of one flow: earliest deadline first, taken in groups of one key."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

from fastpath.backlog import Backlog
from fastpath.job import Job
from fastpath.sojourn import Sojourn, SojournPolicy

_Order = tuple[float, int, int]


@dataclass(slots=True)
class _OfKey:
    """Jobs of one key. ``heap`` may also hold entries of jobs that have left; ``cost_s`` is of one job."""

    cost_s: float
    heap: list[tuple[_Order, int, Job]] = field(default_factory=list)
    ready: int = 0

    def first(self) -> Job:
        """Return the first job without taking it. There must be one."""
        while self.heap[0][2].entry != self.heap[0][1]:
            heapq.heappop(self.heap)
        return self.heap[0][2]

    def sweep(self) -> None:
        """Drop entries of jobs that have left once they are the majority: memory follows the jobs that wait."""
        if len(self.heap) > 2 * self.ready + 64:
            self.heap = [entry for entry in self.heap if entry[2].entry == entry[1]]
            heapq.heapify(self.heap)


class Flow:
    """Jobs in the order of their deadlines, then priorities, then arrival; the newest first while it is too slow.

    Adding costs O(log n), taking a group O(group log n), however many keys there are.
    """

    def __init__(self, policy: SojournPolicy) -> None:
        self._keys: dict[str, _OfKey] = {}
        self._firsts: list[tuple[_Order, str]] = []
        self._arrivals: list[tuple[int, Job]] = []
        self._sojourn = Sojourn(policy)
        self._backlog = Backlog()
        self.length = 0
        self.backlog_s = 0.0

    def recost(self, key_id: str, cost_s: float) -> None:
        """Take in that the jobs of a key are predicted to cost something else than when they came."""
        of_key = self._keys.get(key_id)
        if of_key is not None:
            self.backlog_s += of_key.ready * (cost_s - of_key.cost_s)
            of_key.cost_s = cost_s

    def backlog_until(self, deadline: float) -> float:
        """Return the seconds of work that are due by ``deadline``.

        The sums by deadline are of the costs that were predicted when the jobs came; all are scaled by how much the
        whole has changed since.
        """
        total = self._backlog.total
        return self._backlog.until(deadline) * self.backlog_s / total if total > 0 else 0.0

    def cost_s(self, key_id: str) -> float:
        """Return what one job of a waiting key is predicted to cost."""
        return self._keys[key_id].cost_s

    def add(self, job: Job, entry: int) -> None:
        """Add a job under an entry number that was never used before."""
        job.entry = entry
        of_key = self._keys.setdefault(job.key_id, _OfKey(job.cost_s))
        self.recost(job.key_id, job.cost_s)  # the last to come has the newest prediction
        heapq.heappush(of_key.heap, (job.order, entry, job))
        of_key.ready += 1
        if of_key.ready == 1 or of_key.first() is job:
            heapq.heappush(self._firsts, (job.order, job.key_id))
            if len(self._firsts) > 2 * self.length + 64:
                self._firsts = [(of.first().order, key_id) for key_id, of in self._keys.items()]
                heapq.heapify(self._firsts)
        if job.deadline != math.inf:
            self._arrivals.append((entry, job))
            if len(self._arrivals) > 2 * self.length + 64:
                self._arrivals = [(number, waiting) for number, waiting in self._arrivals if waiting.entry == number]
        self.length += 1
        self.backlog_s += of_key.cost_s
        self._backlog.add(job.deadline, job.cost_s)

    def remove(self, job: Job) -> None:
        """Take out a job that waits here."""
        self._gone(job)
        of_key = self._keys[job.key_id]
        if not of_key.ready:
            del self._keys[job.key_id]
        else:
            of_key.sweep()
            self._first_changed(job.key_id)

    def _gone(self, job: Job) -> None:
        job.entry = -1
        of_key = self._keys[job.key_id]
        of_key.ready -= 1
        self.length -= 1
        self.backlog_s = max(0.0, self.backlog_s - of_key.cost_s) if self.length else 0.0
        self._backlog.add(job.deadline, -job.cost_s)

    def _first_changed(self, key_id: str) -> None:
        heapq.heappush(self._firsts, (self._keys[key_id].first().order, key_id))
        if len(self._firsts) > 2 * self.length + 64:
            self._firsts = [(of.first().order, key) for key, of in self._keys.items()]
            heapq.heapify(self._firsts)

    def waiting(self, key_id: str) -> int:
        """Return how many jobs of a key wait."""
        of_key = self._keys.get(key_id)
        return 0 if of_key is None else of_key.ready

    def firsts(self, now: float, most: int) -> list[Job]:
        """Return the first jobs of the keys that are to be served first, without taking them.

        While the newest go first it is only the newest job.
        """
        found: dict[str, tuple[_Order, str]] = {}
        while self._firsts and len(found) < most:
            order, key_id = heapq.heappop(self._firsts)
            of_key = self._keys.get(key_id)
            if of_key is not None and key_id not in found and of_key.first().order == order:
                found[key_id] = (order, key_id)
        for first in found.values():
            heapq.heappush(self._firsts, first)
        jobs = [self._keys[key_id].first() for key_id in found]
        if jobs:
            self._sojourn.observe(now, jobs[0])
        if self._sojourn.newest_first and (newest := self._newest()) is not None:
            return [newest]
        return jobs

    def _newest(self) -> Job | None:
        while self._arrivals and self._arrivals[-1][1].entry != self._arrivals[-1][0]:
            self._arrivals.pop()
        return self._arrivals[-1][1] if self._arrivals else None

    def take(self, first: Job, most: int) -> list[Job]:
        """Take a job, and the jobs that follow it in the order of its key.

        Returns
        -------
        At most ``most`` jobs, and no more than any member's ``group_limit``. A job that others wait for is alone: they
        would wait for the whole group.
        """
        group = [first]
        of_key = self._keys[first.key_id]
        self._gone(first)
        most = 1 if first.followed else min(most, first.group_limit)
        while of_key.ready and len(group) < min(most, of_key.first().group_limit) and not of_key.first().followed:
            job = of_key.first()
            most = min(most, job.group_limit)
            self._gone(job)
            group.append(job)
        if of_key.ready:
            of_key.sweep()
            self._first_changed(first.key_id)
        else:
            del self._keys[first.key_id]
        return group
