"""Jobs that wait: shared fairly among tenants, inside a tenant among size classes, inside those by deadline.

Tenants take turns by deficit round robin in prover-seconds, so a tenant with a hundred times the jobs, or with larger
ones, gets no more than its share while others wait. The size classes of one tenant take turns likewise, with the shares
of :mod:`fastpath.class_shares`: every class then has the same chance, where deadlines alone would leave nothing to
large jobs once small ones fill the queue. A class keeps a credit while it is empty: few large jobs fit before a
deadline, so theirs often is.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from fastpath.class_shares import CLASSES, ClassShares
from fastpath.flow import Flow
from fastpath.job import Job, JobState
from fastpath.round_robin import DeficitRoundRobin
from fastpath.sojourn import SojournPolicy

_ROUNDS: Final = 3  # of a fixed point that each round comes closer to from below
_QUANTUM_S: Final = 1.0
_CLASS_CREDIT_S: Final = 10.0  # one job at the bound of the large

_NO_CLASSES: Final[DeficitRoundRobin[int]] = DeficitRoundRobin(_QUANTUM_S, _CLASS_CREDIT_S)


class FlowId(NamedTuple):
    """A size class of a tenant."""

    tenant: str
    size_class: int


class WorkBefore(NamedTuple):
    """Prover-seconds that are served until a piece of work is: of its own flow, and of all."""

    in_flow_s: float
    total_s: float


class FairQueue:
    """All waiting jobs. Every operation costs O(log n) in jobs; predictions cost O(tenants that wait).

    A job leaves by :meth:`take`, or by finishing followed by :meth:`left`.

    Parameters
    ----------
    weights
        Of tenants; others have 1.
    """

    def __init__(self, weights: Mapping[str, float] | None = None, sojourn: SojournPolicy | None = None) -> None:
        self._weights = dict(weights or {})
        self._policy = sojourn or SojournPolicy()
        self._flows: dict[FlowId, Flow] = {}
        self._tenants: DeficitRoundRobin[str] = DeficitRoundRobin(_QUANTUM_S)
        self._classes: dict[str, DeficitRoundRobin[int]] = {}
        self.shares = ClassShares()
        self._tenant_backlog_s: dict[str, float] = {}
        self._delayed: list[tuple[float, int, Job]] = []
        self._entries = itertools.count()
        self._length = 0
        self.backlog_s = 0.0

    def __len__(self) -> int:
        return self._length

    # --- jobs come and go

    def offered(self, now: float, tenant: str, size: int, seconds: float, *, again: bool = False) -> None:
        """Take in that work was submitted, whether or not it is taken; ``again`` if it was refused before."""
        self.shares.offered(now, tenant, size, seconds, again=again, active=self._classes)
        classes = self._classes.get(tenant)
        if classes is not None:
            for active in list(classes):
                classes.activate(active, self.shares.share(tenant, active))

    def add(self, job: Job, not_before: float | None = None) -> None:
        """Queue a job, from ``not_before`` on if that is given, or from :meth:`unblock` on if it is ``blocked``."""
        self._length += 1
        if job.blocked:
            return
        if not_before is None:
            self._make_ready(job)
        else:
            heapq.heappush(self._delayed, (not_before, next(self._entries), job))

    def unblock(self, job: Job) -> None:
        """Make a queued job ready that waited for a conflicting one."""
        job.blocked = False
        self._make_ready(job)

    def _make_ready(self, job: Job) -> None:
        flow_id = FlowId(job.tenant, job.size_class)
        flow = self._flows.get(flow_id)
        if flow is None:
            flow = self._flows[flow_id] = Flow(self._policy)
            classes = self._classes.get(job.tenant)
            if classes is None:
                classes = self._classes[job.tenant] = DeficitRoundRobin(_QUANTUM_S, _CLASS_CREDIT_S)
                self._tenants.activate(job.tenant, self._weights.get(job.tenant, 1.0))
            classes.activate(job.size_class, self.shares.share(*flow_id))
        before_s = flow.backlog_s
        flow.add(job, next(self._entries))
        self._count(job.tenant, flow.backlog_s - before_s)

    def recost(self, key_id: str, cost_s: float) -> None:
        """Take in that the jobs of a key are predicted to cost something else than when they came. O(flows)."""
        for flow_id, flow in self._flows.items():
            before_s = flow.backlog_s
            flow.recost(key_id, cost_s)
            self._count(flow_id.tenant, flow.backlog_s - before_s)

    def _count(self, tenant: str, seconds: float) -> None:
        self.backlog_s = max(0.0, self.backlog_s + seconds)
        self._tenant_backlog_s[tenant] = max(0.0, self._tenant_backlog_s.get(tenant, 0.0) + seconds)

    def left(self, job: Job) -> None:
        """Take note that a queued job has finished without being taken."""
        self._length -= 1
        if job.entry >= 0:
            flow_id = FlowId(job.tenant, job.size_class)
            flow = self._flows[flow_id]
            before_s = flow.backlog_s
            flow.remove(job)
            self._count(job.tenant, flow.backlog_s - before_s)
            self._close_if_empty(flow_id)

    def next_due(self) -> float | None:
        """Return when the next back-off ends; ``None`` if no job is backing off."""
        while self._delayed and self._delayed[0][2].state is not JobState.QUEUED:
            heapq.heappop(self._delayed)
        return self._delayed[0][0] if self._delayed else None

    def wake(self, now: float) -> None:
        """Make the jobs ready whose back-off has ended."""
        while (due := self.next_due()) is not None and due <= now:
            self._make_ready(heapq.heappop(self._delayed)[2])

    # --- whose turn it is

    def flows_in_turn(self) -> Iterator[FlowId]:
        """Yield the flow whose turn it is, then the others as candidates for what the first cannot use."""
        turn = self._tenants.turn()
        if turn is None:
            return
        yield from self._classes_in_turn(turn)
        for tenant in list(self._tenants):  # made only when the first tenant could use nothing
            if tenant != turn:
                yield from self._classes_in_turn(tenant)

    def _classes_in_turn(self, tenant: str) -> Iterator[FlowId]:
        classes = self._classes[tenant]
        first = classes.turn()
        for size in sorted(classes, key=lambda size: size != first):
            yield FlowId(tenant, size)

    def flow(self, flow_id: FlowId) -> Flow:
        """Return a flow with jobs."""
        return self._flows[flow_id]

    def take(self, flow_id: FlowId, first: Job, most: int) -> list[Job]:
        """Take a group, see :meth:`fastpath.flow.Flow.take`, and charge its tenant and class."""
        flow = self._flows[flow_id]
        cost_s, before_s = flow.cost_s(first.key_id), flow.backlog_s
        group = flow.take(first, most)
        cost_s *= len(group)
        self._length -= len(group)
        self._count(flow_id.tenant, flow.backlog_s - before_s)
        self._tenants.pay(flow_id.tenant, cost_s)
        self._classes[flow_id.tenant].pay(flow_id.size_class, cost_s)
        self._close_if_empty(flow_id)
        return group

    def _close_if_empty(self, flow_id: FlowId) -> None:
        if self._flows[flow_id].length:
            return
        del self._flows[flow_id]
        classes = self._classes[flow_id.tenant]
        classes.deactivate(flow_id.size_class)
        if not classes:
            del self._classes[flow_id.tenant]
            del self._tenant_backlog_s[flow_id.tenant]
            self._tenants.deactivate(flow_id.tenant)

    # --- predictions

    def work_before(self, now: float, flow_id: FlowId, deadline: float, own_s: float, rate: float) -> WorkBefore:
        """Predict the work that is done before a new job of a flow starts, with ``own_s`` of work that goes before it.

        While the flow gets its own work done, every other flow gets in proportion to its weight, corrected by what both
        have in their accounts, but no more than it has and will be offered meanwhile. Within the flow only work of no
        later deadline goes first. The job's own work does not count: a flow with credit starts its next job and pays
        for it afterwards.

        Parameters
        ----------
        rate
            Prover-seconds a second that all flows together are served at.
        """
        tenant, own_size = flow_id
        flow = self._flows.get(flow_id)
        in_flow_s = max(0.0, own_s + (0.0 if flow is None else flow.backlog_until(deadline)))
        in_tenant_s = total_s = in_flow_s
        for _ in range(
            _ROUNDS
        ):  # how long it takes depends on what is offered meanwhile, and that on how long it takes
            took_s = total_s / max(rate, 1e-9)
            in_tenant_s = in_flow_s + sum(
                self._other_class(now, flow_id, in_flow_s, size, took_s) for size in range(CLASSES) if size != own_size
            )
            total_s = in_tenant_s + self._other_tenants(now, tenant, in_tenant_s, took_s)
        return WorkBefore(in_flow_s, total_s)

    def _other_class(self, now: float, own: FlowId, own_s: float, size: int, took_s: float) -> float:
        """What another class of a tenant gets until a flow has got ``own_s``."""
        other = FlowId(own.tenant, size)
        flow = self._flows.get(other)
        has_s = (0.0 if flow is None else flow.backlog_s) + took_s * self.shares.rate(now, *other)
        if not has_s:
            return 0.0
        classes = self._classes.get(own.tenant) or _NO_CLASSES
        return min(
            has_s, classes.meanwhile(own.size_class, self.shares.share(*own), own_s, size, self.shares.share(*other))
        )

    def _other_tenants(self, now: float, own: str, own_s: float, took_s: float) -> float:
        """What the other tenants get until one has got ``own_s``; those without work get all they are offered."""
        weight = self._weights.get(own, 1.0)
        idle_rate = self.shares.rate_of_all(now)
        total_s = 0.0
        for other, backlog_s in self._tenant_backlog_s.items():
            offered = self.shares.rate_of_tenant(now, other)
            idle_rate -= offered
            if other != own:
                share_s = self._tenants.meanwhile(own, weight, own_s, other, self._tenants.weight(other))
                total_s += min(backlog_s + took_s * offered, share_s)
        if own not in self._tenant_backlog_s:
            idle_rate -= self.shares.rate_of_tenant(now, own)
        return total_s + took_s * max(0.0, idle_rate)

    def backlog_of(self, tenant: str) -> float:
        """Return the ready work of a tenant, in seconds."""
        return self._tenant_backlog_s.get(tenant, 0.0)

    @property
    def tenants(self) -> list[str]:
        """Tenants with ready jobs."""
        return list(self._tenants)
