"""Places kept for refused work, so that who returns when told to is taken.

Refused work of a flow gets a place in a timetable. The timetable moves at a fixed share of the flow's rate: while more
arrives than can be done, that share is all that returning work is sure of, and new work keeps the rest. What was
promised for the coming time is counted as backlog when new work is judged, as far as promised places were taken up
lately: most clients may have gone elsewhere. A place not taken up within its grace is free again, and each serves once.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from fastpath.backlog import Backlog
from fastpath.errors import BadRequest

_MOST: Final = 10_000
_WEIGHT: Final = 0.05  # of one place in the share of places that are taken up


@dataclass(frozen=True)
class PromisePolicy:
    """How places are given.

    Attributes
    ----------
    share
        Of a flow's rate that returning work is given.
    grace
        How late it may return, as a share of the wait, and at least ``least_grace_s``.
    """

    share: float = 0.15
    grace: float = 0.25
    least_grace_s: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or self.grace < 0 or not self.least_grace_s > 0:
            raise BadRequest(f"{self}: share lies between 0 and 1, graces are positive")


@dataclass(slots=True, eq=False)
class _Place:
    flow: Hashable
    due: float
    until: float
    cost_s: float
    jobs: int


class Promises:
    """Timetables of all flows. At most 10,000 places are kept; refusals beyond get a time without one.

    Every operation is O(log n) amortised.

    Attributes
    ----------
    returning
        Share of places that are taken up, lately.
    """

    def __init__(self, policy: PromisePolicy | None = None) -> None:
        self._policy = policy or PromisePolicy()
        self._places: dict[str, _Place] = {}
        self._ending: list[tuple[float, str]] = []
        self._due: dict[Hashable, Backlog] = {}
        self._next: dict[Hashable, float] = {}
        self._jobs_due = Backlog()
        self._number = 0
        self.returning = 1.0

    def __len__(self) -> int:
        return len(self._places)

    def offer(
        self, now: float, flow: Hashable, *, earliest_s: float, cost_s: float, jobs: int, rate: float
    ) -> tuple[float, str]:
        """Give refused work a place.

        Parameters
        ----------
        earliest_s
            Seconds from now before which it cannot be taken.
        rate
            Prover-seconds a second that the flow is served at.

        Returns
        -------
        Seconds from now until the place, and its ticket; the ticket is empty when there are too many places.
        """
        self._expire(now)
        due = max(now + earliest_s, self._next.get(flow, now))
        wait_s = due - now
        if len(self._places) >= _MOST:
            return wait_s, ""
        if len(self._next) > _MOST:
            self._next = {other: free for other, free in self._next.items() if free > now}
        self._next[flow] = due + cost_s / max(self._policy.share * rate, 1e-9)
        self._number += 1
        ticket = f"{self._number}"
        until = due + max(self._policy.grace * wait_s, self._policy.least_grace_s)
        place = _Place(flow, due, until, cost_s, jobs)
        self._places[ticket] = place
        self._due.setdefault(flow, Backlog()).add(due, cost_s)
        self._jobs_due.add(due, jobs)
        heapq.heappush(self._ending, (until, ticket))
        return wait_s, ticket

    def is_due(self, now: float, ticket: str, flow: Hashable, cost_s: float) -> bool:
        """Whether a ticket stands for a place of this flow and size, now."""
        self._expire(now)
        place = self._places.get(ticket)
        # Costs are predictions; one that grew a little meanwhile is not another piece of work.
        return place is not None and place.flow == flow and place.due <= now and cost_s <= 1.5 * place.cost_s

    def take_up(self, ticket: str) -> None:
        """Use up a place; an unknown ticket is used up already."""
        if ticket in self._places:
            self.returning += _WEIGHT * (1.0 - self.returning)
            self._free(ticket)

    def _free(self, ticket: str) -> None:
        place = self._places.pop(ticket)
        due = self._due[place.flow]
        due.add(place.due, -place.cost_s)
        self._jobs_due.add(place.due, -place.jobs)
        if due.total <= 1e-9:
            del self._due[place.flow]

    def due_until(self, now: float, flow: Hashable, until: float) -> float:
        """Return the seconds of work that a flow is expected to bring back up to a time, of what it was promised."""
        self._expire(now)
        due = self._due.get(flow)
        return 0.0 if due is None else self.returning * due.until(until)

    def jobs_until(self, now: float, until: float) -> int:
        """Return the jobs that were promised room up to a time."""
        self._expire(now)
        return round(self._jobs_due.until(until))

    def _expire(self, now: float) -> None:
        while self._ending and self._ending[0][0] <= now:
            ticket = heapq.heappop(self._ending)[1]
            if ticket in self._places:
                self.returning -= _WEIGHT * self.returning
                self._free(ticket)
