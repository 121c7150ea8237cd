"""What each tenant got, and how evenly."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

_KNOWN: Final = 256


@dataclass(slots=True)
class TenantStats:
    """One tenant since the start, or since it was last forgotten.

    Attributes
    ----------
    submitted, refused, completed, failed, cancelled, expired
        Jobs.
    served_s
        Worker seconds of its jobs, good or bad.
    held
        Unfinished jobs.
    backlog_s
        Predicted seconds of those that are ready.
    """

    tenant: str
    submitted: int = 0
    refused: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    served_s: float = 0.0
    held: int = 0
    backlog_s: float = 0.0


class Tenants:
    """Statistics of the tenants seen last, at most 256."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, TenantStats] = OrderedDict()

    def of(self, tenant: str) -> TenantStats:
        """Return the statistics of a tenant, to be changed."""
        known = self._known.get(tenant)
        if known is None:
            known = self._known[tenant] = TenantStats(tenant)
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(tenant)
        return known

    def __call__(self) -> tuple[TenantStats, ...]:
        """Return a copy of all, the one seen last at the end."""
        return tuple(replace(known) for known in self._known.values())


def jain_index(values: Iterable[float]) -> float:
    """Return how even values are: 1 when all are equal, 1/n when one of n has everything; 1 for none.

    (sum x)^2 / (n sum x^2). Jain, Chiu, Hawe: A quantitative measure of fairness. DEC-TR-301, 1984.
    """
    given = list(values)
    squares = sum(value * value for value in given)
    return sum(given) ** 2 / (len(given) * squares) if squares else 1.0
