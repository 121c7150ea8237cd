"""Adaptive throttling: a client that is refused again and again stops asking.

Of r requests in the recent past of which a were taken, the next is not even sent with probability

    max(0, (r - K a) / (r + 1)),    K = 2,

so a client sends at most about K times what is taken, and a service under overload spends little on refusals. Requests
that are not sent count as requests, so the probability follows a worsening service and goes back as soon as more is
taken.

References
----------
Beyer et al.: Site Reliability Engineering. 2016, chapter 21, "client-side throttling".
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Final

from fastpath.decayed import Decayed
from fastpath.errors import BadRequest, Overloaded

RATIO: Final = 2.0
LEAST_WINDOW_S: Final = 30.0
_WINDOWS_PER_LATENCY: Final = 4.0
_LATENCY_WEIGHT: Final = 0.01
"""Step of the estimate of the 99th percentile, see :meth:`Throttle.answered`."""


class Throttle:
    """The throttle of one client. Thread-safe.

    Parameters
    ----------
    ratio
        K of the formula.
    window_s
        Half-life of the counts, at least; it is kept at least four times the 99th percentile of the time to an answer,
        so that answers still on their way do not look like refusals.
    clock, rng
        Monotonic seconds, and the lots.
    """

    def __init__(
        self,
        ratio: float = RATIO,
        window_s: float = LEAST_WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
        rng: Random | None = None,
    ) -> None:
        if not ratio >= 1 or not 0 < window_s < math.inf:
            raise BadRequest(f"ratio {ratio!r} must be at least 1 and window_s {window_s!r} positive")
        self._ratio = ratio
        self._least_window_s = window_s
        self._clock = clock
        self._rng = rng or Random()  # noqa: S311 - lots are no secret
        self._lock = threading.Lock()
        self._latency_s = 0.0
        self._requests = Decayed(window_s)
        self._accepts = Decayed(window_s)
        self._back_at = 0.0

    @property
    def refusal_probability(self) -> float:
        """Probability that the next request is not sent."""
        now = self._clock()
        requests = self._requests.at(now)
        return max(0.0, (requests - self._ratio * self._accepts.at(now)) / (requests + 1))

    def check(self) -> None:
        """Let a request pass, or refuse it here.

        Raises
        ------
        Overloaded
            If it is not to be sent, with what is left of the latest time that the service named.
        """
        with self._lock:
            now = self._clock()
            if self._rng.random() >= self.refusal_probability:
                return
            self._requests.add(now, 1.0)
            wait_s = max(self._back_at - now, 1.0)
        raise Overloaded(
            f"not sent: the service has refused most of what this client sent lately; try again in {wait_s:.1f} s",
            wait_s,
        )

    def answered(self, *, accepted: bool, latency_s: float, retry_after_s: float = 0.0) -> None:
        """Take in an answer of the service."""
        with self._lock:
            now = self._clock()
            # Stochastic approximation of a quantile: steps up 99 times as large as down meet at the 99th percentile.
            step = _LATENCY_WEIGHT * max(latency_s, self._latency_s)
            self._latency_s = max(0.0, self._latency_s + step * (0.99 if latency_s > self._latency_s else -0.01))
            half_life_s = max(self._least_window_s, _WINDOWS_PER_LATENCY * self._latency_s)
            self._requests.half_life_s = self._accepts.half_life_s = half_life_s
            self._requests.add(now, 1.0)
            self._accepts.add(now, float(accepted))
            if not accepted:
                self._back_at = max(self._back_at, now + retry_after_s)
