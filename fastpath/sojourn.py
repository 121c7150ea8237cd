"""When to serve the newest job first: once the queue has kept jobs too long for a whole interval.

As in CoDel it is the standing queue that counts, not its peak: what is compared with the limit is the share of its
patience (from submission to deadline) that the first job has waited, and one job below the limit ends it. Beyond the
limit the first jobs run with no time to spare, so that any delay fails all of them in turn; the newest ones have their
time still before them. Jobs without deadlines have endless patience and keep their order.

References
----------
Nichols, Jacobson: Controlling queue delay. ACM Queue, 2012. Maurer: Fail at scale. ACM Queue, 2015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fastpath.errors import BadRequest
from fastpath.job import Job


@dataclass(frozen=True)
class SojournPolicy:
    """When a queue is too slow.

    Attributes
    ----------
    limit
        Share of a job's patience.
    interval_s
        How long every first job must be beyond the limit.
    """

    limit: float = 0.95
    interval_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.limit < 1 or not self.interval_s > 0:
            raise BadRequest(f"{self}: limit lies between 0 and 1, interval_s is positive")


class Sojourn:
    """The state of one queue."""

    __slots__ = ("_policy", "_since", "newest_first")

    def __init__(self, policy: SojournPolicy) -> None:
        self._policy = policy
        self._since: float | None = None
        self.newest_first = False

    def observe(self, now: float, first: Job) -> None:
        """Look at the job that has the earliest deadline."""
        patience_s = first.deadline - first.submitted_at
        if patience_s == math.inf or now - first.submitted_at <= self._policy.limit * patience_s:
            self._since = None
            self.newest_first = False
        elif self._since is None:
            self._since = now
        else:
            self.newest_first = now - self._since >= self._policy.interval_s
