"""A circuit breaker for one device.

::

    closed  --(failures in a row, or quarantine)-->  open  --(after its wait)-->  half-open  --(probe passed)-->  closed
                                                      ^                              |
                                                      +--(probe failed, wait doubled)+

Closed, it lets work through. Half-open, it lets one probe through: a task whose answer is known.

References
----------
Nygard: Release It! 2nd edition, 2018, chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from fastpath.errors import BadRequest


class BreakerState(StrEnum):
    """See the module's drawing."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True)
class BreakerPolicy:
    """When it opens and for how long.

    Attributes
    ----------
    failures
        Calls in a row with a fault of the device.
    first_wait_s, longest_wait_s
        Until the first probe, and the bound to which that doubles with every probe that fails.
    """

    failures: int = 3
    first_wait_s: float = 1.0
    longest_wait_s: float = 300.0

    def __post_init__(self) -> None:
        if self.failures < 1 or not 0 < self.first_wait_s <= self.longest_wait_s:
            raise BadRequest(f"{self}: failures is at least 1, and waits are positive and in order")


class CircuitBreaker:
    """The breaker of one device.

    Parameters
    ----------
    rng
        Spreads the waits by up to a tenth, so that devices which failed together are not probed together.
    """

    def __init__(self, policy: BreakerPolicy, rng: Random) -> None:
        self._policy = policy
        self._rng = rng
        self._failures = 0
        self._wait_s = policy.first_wait_s
        self._probe_at = 0.0
        self.state = BreakerState.CLOSED
        self.opened = 0

    @property
    def closed(self) -> bool:
        """Whether work may pass."""
        return self.state is BreakerState.CLOSED

    def succeeded(self) -> None:
        """Take in a call without a fault of the device."""
        self._failures = 0

    def failed(self, now: float) -> bool:
        """Take in a call with a fault of the device; return whether that opened the breaker."""
        self._failures += 1
        if not self.closed or self._failures < self._policy.failures:
            return False
        self._open(now)
        return True

    def quarantine(self, now: float) -> bool:
        """Open at once; return whether it was closed."""
        if not self.closed:
            return False
        self._open(now)
        return True

    def next_due(self) -> float | None:
        """Return when a probe is due; ``None`` when none is."""
        return self._probe_at if self.state is BreakerState.OPEN else None

    def take_probe(self, now: float) -> bool:
        """Return whether to send a probe now; it then counts as sent."""
        if self.state is not BreakerState.OPEN or now < self._probe_at:
            return False
        self.state = BreakerState.HALF_OPEN
        return True

    def probed(self, now: float, *, passed: bool) -> None:
        """Take in the result of a probe."""
        if self.closed:
            return
        if passed:
            self.state = BreakerState.CLOSED
            self._failures = 0
            self._wait_s = self._policy.first_wait_s
        else:
            self._wait_s = min(2 * self._wait_s, self._policy.longest_wait_s)
            self._open(now)

    def _open(self, now: float) -> None:
        self.state = BreakerState.OPEN
        self.opened += 1
        self._probe_at = now + self._wait_s * (1 + self._rng.random() / 10)
