"""Whether and when failed work runs again.

The wait before run k + 1 is uniform in [0, w) (full jitter) with

    w = min(2^(k-1), cap) * service_s * congestion,   cut at   deadline - now - service_s,

so a retry waits in proportion to what it will cost, the retries of many clients never meet, and none is scheduled
that could not finish in time. A budget bounds retries to a share of all requests: retries then cannot feed an
overload.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from fastpath.errors import BadRequest


def is_retryable(error: BaseException) -> bool:
    """Whether an error says of itself, by ``retryable = True``, that the same work may succeed later."""
    return getattr(error, "retryable", False) is True


@dataclass(frozen=True)
class RetryPolicy:
    """Full jitter on the predicted service time.

    Attributes
    ----------
    attempts
        Runs that may fail before the job does.
    cap
        Bound of the window, in service times.
    floor_s
        Least service time the window is computed from, for work whose cost is unknown or tiny.
    """

    attempts: int = 5
    cap: float = 8.0
    floor_s: float = 0.001

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.cap < 1 or not self.floor_s > 0:
            raise BadRequest(f"{self}: attempts and cap are at least 1, floor_s is positive")

    def window_s(self, failures: int, service_s: float, congestion: float = 1.0) -> float:
        """Return the bound of the wait after the ``failures``-th failed run (from 1)."""
        # ldexp of a large exponent overflows; past the cap the exponent no longer matters.
        doubling = math.ldexp(1.0, min(failures - 1, 62))
        return min(doubling, self.cap) * max(service_s, self.floor_s) * congestion

    def wait_s(
        self,
        failures: int,
        *,
        service_s: float,
        now: float,
        deadline: float,
        rng: Random,
        congestion: float = 1.0,
    ) -> float | None:
        """Return the wait before the next run; ``None`` when the deadline leaves no time for one."""
        room = deadline - now - service_s
        if room <= 0:
            return None
        return rng.random() * min(self.window_s(failures, service_s, congestion), room)


class RetryBudget:
    """Retries are at most ``share`` of requests, the first few on account (a token bucket).

    Parameters
    ----------
    share
        Tokens earned by a request; a retry costs one.
    reserve
        Tokens at the start. They are an advance: the first requests pay it back before any token is added, so that over
        all retries are at most ``share`` of requests once those are ``reserve / share``.
    most
        Tokens that are kept, so that a long calm does not pay for a storm.
    """

    def __init__(self, share: float = 0.1, reserve: float = 10.0, most: float = 1000.0) -> None:
        if not 0 <= share <= 1 or reserve < 0 or most < reserve:
            raise BadRequest(
                f"share {share!r} must lie in [0, 1], reserve {reserve!r} must not be negative, most {most!r} not less"
            )
        self._share = share
        self._most = most
        self._advance = reserve
        self.tokens = reserve

    def earn(self, requests: int = 1) -> None:
        """Count requests."""
        earned = self._share * requests
        paid = min(earned, self._advance)
        self._advance -= paid
        self.tokens = min(self._most, self.tokens + earned - paid)

    def spend(self) -> bool:
        """Take a token for a retry; ``False`` when there is none."""
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
