"""Jobs that touch the same state run one after the other, in the order of their submission; all others side by side.

Two accesses conflict when one writes what the other reads or writes. A job waits for every earlier unfinished job that
it conflicts with: a directed graph whose edges point back in time, so it has no cycle and no job waits for ever. Jobs
that wait for nobody conflict with nobody that runs, and any set of them is a conflict-free batch.

A job that ends while it still waits, by cancellation say, passes its place on: its successors wait until its
predecessors have ended, since the conflicts between those two are known only through it.

Who waits for much waits longest: :meth:`ConflictGraph.behind` tells which job has a long chain after it, so that it is
not left to the end, when nothing else is left to do beside it.

Jobs that declare nothing may carry a guess (:mod:`fastpath.conflict_history`). They wait for declared jobs and for each
other, and no declared job ever waits for them: a wrong guess costs time, and never the order of what was declared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fastpath.job import Job


@dataclass(frozen=True, slots=True)
class Access:
    """What a job reads and writes besides its own input, as names that only its tenant uses."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.reads) + len(self.writes)


@dataclass(slots=True, eq=False)
class _Node:
    job: Job
    names: tuple[str, ...]
    blockers: int = 0
    ended: bool = False
    successors: list[_Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Name:
    """Who touched a name last: a writer, those who read since, and the last one who was guessed to; and how many do."""

    unfinished: int = 0
    writer: _Node | None = None
    readers: dict[_Node, None] = field(default_factory=dict)
    guessed: _Node | None = None

    def forget(self, node: _Node) -> bool:
        """Drop a node; return whether nobody is left."""
        self.unfinished -= 1
        if self.writer is node:
            self.writer = None
        if self.guessed is node:
            self.guessed = None
        self.readers.pop(node, None)
        return self.writer is None and self.guessed is None and not self.readers


class ConflictGraph:
    """Which jobs must wait for which. Adding or ending a job costs O(its names + its edges)."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._names: dict[str, dict[str, _Name]] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def blocked(self) -> int:
        """Unfinished jobs that wait for another."""
        return sum(node.blockers > 0 and not node.ended for node in self._nodes.values())

    def add(self, tenant: str, job: Job, access: Access) -> bool:
        """Add a job with its declared access, after all jobs so far; return whether it waits for none."""
        if not access:
            return True
        node = _Node(job, tuple(access.reads | access.writes))
        blockers: dict[_Node, None] = {}
        names = self._names.setdefault(tenant, {})
        for read in access.reads - access.writes:
            name = names.setdefault(read, _Name())
            if name.writer is not None:
                blockers[name.writer] = None
            name.readers[node] = None
        for written in access.writes:
            name = names.setdefault(written, _Name())
            blockers.update(name.readers)
            if name.writer is not None:
                blockers[name.writer] = None
            name.writer = node
            name.readers = {}
        return self._insert(names, node, blockers)

    def add_guess(self, tenant: str, job: Job, written: Iterable[str]) -> bool:
        """Add a job that is guessed to write some names; return whether it waits for none."""
        names = self._names.setdefault(tenant, {})
        node = _Node(job, tuple(dict.fromkeys(written)))
        blockers: dict[_Node, None] = {}
        for guessed in node.names:
            name = names.setdefault(guessed, _Name())
            blockers.update(name.readers)
            for earlier in (name.writer, name.guessed):
                if earlier is not None:
                    blockers[earlier] = None
            name.guessed = node
        return self._insert(names, node, blockers) if node.names else True

    def _insert(self, names: dict[str, _Name], node: _Node, blockers: Iterable[_Node]) -> bool:
        self._nodes[node.job.job_id] = node
        for name in node.names:
            names[name].unfinished += 1
        for blocker in blockers:
            blocker.successors.append(node)
            blocker.job.followed += 1
            node.blockers += 1
        return not node.blockers

    def behind(self, tenant: str, job: Job) -> int:
        """Return how many unfinished jobs touch the busiest name that a job touches, besides itself.

        So many may have to follow it one after the other: about the length of the chain that begins with it.
        """
        node = self._nodes.get(job.job_id)
        if node is None:
            return 0
        names = self._names[tenant]
        return max(names[name].unfinished for name in node.names) - 1

    def ended(self, tenant: str, job: Job) -> list[Job]:
        """Take in that a job has ended; return those that wait for none any more, in the order of submission."""
        node = self._nodes.get(job.job_id)
        if node is None:
            return []
        node.ended = True
        released: list[Job] = []
        leaving = [node] if not node.blockers else []
        while leaving:
            gone = leaving.pop()
            self._leave(tenant, gone)
            for successor in gone.successors:
                successor.blockers -= 1
                if successor.blockers:
                    continue
                if successor.ended:
                    leaving.append(successor)
                else:
                    released.append(successor.job)
        return sorted(released, key=lambda ready: ready.sequence)

    def _leave(self, tenant: str, node: _Node) -> None:
        del self._nodes[node.job.job_id]
        names = self._names[tenant]
        for name in node.names:
            if name in names and names[name].forget(node):
                del names[name]
        if not names:
            del self._names[tenant]
