"""Which part of a tenant's service each size class gets.

A part in proportion to the work that was lately offered in the class, never less than a tenth, times a correction: of a
deadline of fifteen seconds a job of five has ten left to wait, so the same part of the service does not make the same
part of large and of small jobs end in time. What counts is measured: the work that was taken when it first came, out
of what was offered. A class of which less was taken than of all the tenant's work gets more, and the other way round,
within a factor of two. What comes back after a refusal counts for neither: it is late already.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Container
from typing import Final

from fastpath.decayed import Decayed

SIZE_BOUNDS_S: Final = (1.0, 10.0)
"""Between small, medium and large jobs."""
CLASSES: Final = len(SIZE_BOUNDS_S) + 1
LEAST_SHARE: Final = 0.1
_LARGER: Final = 1.07  # weight of a class over the one below, before anything is measured
_MOST_CORRECTION: Final = 2.0
_KNOWN_S: Final = 10.0  # of offered work: with less the correction hardly counts; two jobs of five seconds
_SHARE_HALF_LIFE_S: Final = 30.0  # of offered work: some deadlines, so that shares are steady while a job waits
_RATE_HALF_LIFE_S: Final = 10.0  # likewise, for what is expected to come: a burst must be over soon after it ends
_TAKEN_HALF_LIFE_S: Final = 60.0  # slower than the shares that it corrects, so that they do not swing
_REMEMBERED: Final = 4096  # tenants whose offers are remembered; more than may have jobs at once


def size_class(seconds: float) -> int:
    """Return the class of a job that takes so many seconds: 0, 1 or 2."""
    return bisect_right(SIZE_BOUNDS_S, seconds)


class _Offered:
    """Work that a tenant offered lately, by size class."""

    __slots__ = ("first", "lately", "rates", "taken")

    def __init__(self) -> None:
        self.lately = [Decayed(_SHARE_HALF_LIFE_S) for _ in range(CLASSES)]
        self.rates = [Decayed(_RATE_HALF_LIFE_S) for _ in range(CLASSES)]
        self.first = [Decayed(_TAKEN_HALF_LIFE_S) for _ in range(CLASSES)]
        self.taken = [Decayed(_TAKEN_HALF_LIFE_S) for _ in range(CLASSES)]

    def add(self, now: float, size: int, seconds: float, *, again: bool) -> None:
        _add(self.lately, now, size, seconds)
        self.rates[size].add(now, seconds)
        _add(self.first, now, size, 0.0 if again else seconds)

    def correction(self, size: int) -> float:
        """Return the weight of a class beyond what was offered in it."""
        prior = float(_LARGER**size)
        first_s, taken_s = (sum(part.total for part in parts) for parts in (self.first, self.taken))
        if not first_s or not taken_s:
            return prior
        taken = taken_s / first_s
        of_class = (self.taken[size].total + _KNOWN_S * taken) / (self.first[size].total + _KNOWN_S)
        return prior * min(_MOST_CORRECTION, max(1 / _MOST_CORRECTION, taken / of_class))


class ClassShares:
    """Watches what is offered and taken. Every operation is O(1)."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, _Offered] = OrderedDict()
        self._rate = Decayed(_RATE_HALF_LIFE_S)

    def offered(
        self, now: float, tenant: str, size: int, seconds: float, *, again: bool, active: Container[str]
    ) -> None:
        """Take in that work was submitted, whether or not it is taken.

        Parameters
        ----------
        again
            It was refused before.
        active
            Tenants that must not be forgotten.
        """
        self._tenants.setdefault(tenant, _Offered()).add(now, size, seconds, again=again)
        self._tenants.move_to_end(tenant)
        if len(self._tenants) > _REMEMBERED:
            idle = next((name for name in self._tenants if name not in active), tenant)
            del self._tenants[idle]
        self._rate.add(now, seconds)

    def taken(self, now: float, tenant: str, size: int, seconds: float) -> None:
        """Take in that offered work was taken when it first came."""
        _add(self._tenants[tenant].taken, now, size, seconds)

    def share(self, tenant: str, size: int) -> float:
        """Return the part of a tenant's service that a class gets while all classes have work."""
        offered = self._tenants.get(tenant)
        if offered is None:
            return LEAST_SHARE
        weighed = [lately.total * offered.correction(of) for of, lately in enumerate(offered.lately)]
        total = sum(weighed)
        return max(LEAST_SHARE, weighed[size] / total) if total else LEAST_SHARE

    def rate(self, now: float, tenant: str, size: int) -> float:
        """Return the prover-seconds a second that a tenant lately offered in a class."""
        offered = self._tenants.get(tenant)
        return 0.0 if offered is None else offered.rates[size].rate(now)

    def rate_of_tenant(self, now: float, tenant: str) -> float:
        """Return what a tenant lately offered in all classes."""
        return sum(self.rate(now, tenant, size) for size in range(CLASSES))

    def rate_of_all(self, now: float) -> float:
        """Return what all tenants lately offered."""
        return self._rate.rate(now)


def _add(parts: list[Decayed], now: float, size: int, seconds: float) -> None:
    """Add to one of several totals that decay together."""
    for number, part in enumerate(parts):
        part.add(now, seconds if number == size else 0.0)
