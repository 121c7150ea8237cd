"""Advice on how many workers, and how many threads, the work needs: an operator or autoscaler acts on it.

Workers: the work that arrives (prover-seconds a second, decayed) must find its slots at most ``utilisation`` busy,
since waits grow without bound towards 1, and the backlog must drain within ``drain_s``. The advice goes up at once and
comes down only when it was lower for ``cool_down_s``: what is started is not stopped in the next lull.

Threads: of the counts that a worker tried when it started, the smallest that does at least ``1 - tolerance`` of the
best. Where the best is the largest count tried, twice as many are worth a try; memory bandwidth, not the core count,
ends most curves.

``fastpath-prover status`` and the metrics show both.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from fastpath.decayed import Decayed
from fastpath.errors import BadRequest


@dataclass(frozen=True)
class ScalingPolicy:
    """Targets of the advice on workers; see the module."""

    utilisation: float = 0.8
    drain_s: float = 30.0
    cool_down_s: float = 300.0
    half_life_s: float = 30.0
    most_slots: int = 4096

    def __post_init__(self) -> None:
        durations = (self.drain_s, self.cool_down_s, self.half_life_s)
        if not 0 < self.utilisation < 1 or min(durations) <= 0 or self.most_slots < 1:
            raise BadRequest(f"{self}: utilisation lies between 0 and 1, the others are positive")


@dataclass(frozen=True, slots=True)
class ScalingAdvice:
    """How many slots the work needs.

    Attributes
    ----------
    slots
        Wanted in all; at least 1.
    arriving
        Prover-seconds a second that arrive.
    """

    slots: int = 1
    arriving: float = 0.0


class ScalingAdvisor:
    """Watches what arrives and advises on slots."""

    def __init__(self, policy: ScalingPolicy | None = None, now: float = 0.0) -> None:
        self._policy = policy or ScalingPolicy()
        self._arrived = Decayed(self._policy.half_life_s, now)
        self._highest: deque[tuple[float, int]] = deque()

    def arrived(self, now: float, seconds: float) -> None:
        """Take in that work was submitted, refused work included."""
        self._arrived.add(now, seconds)

    def advise(self, now: float, backlog_s: float) -> ScalingAdvice:
        """Return the advice for the backlog as it is."""
        policy = self._policy
        arriving = self._arrived.rate(now)
        wanted = math.ceil(arriving / policy.utilisation + backlog_s / policy.drain_s - 1e-9)
        wanted = min(max(wanted, 1), policy.most_slots)
        while self._highest and self._highest[-1][1] <= wanted:
            self._highest.pop()
        self._highest.append((now, wanted))
        while self._highest[0][0] < now - policy.cool_down_s:
            self._highest.popleft()
        return ScalingAdvice(self._highest[0][1], arriving)


def advise_threads(throughput: Mapping[int, float], most: int, tolerance: float = 0.05) -> int:
    """Return the number of threads to use, or to try next.

    Parameters
    ----------
    throughput
        Work a second by number of threads, as measured so far.
    most
        Threads that the machine has.

    Raises
    ------
    BadRequest
        If a number of threads or a throughput is not positive.
    """
    if most < 1 or any(threads < 1 or not rate > 0 for threads, rate in throughput.items()):
        raise BadRequest("numbers of threads and throughputs must be positive")
    if not throughput:
        return most
    best = max(throughput.values())
    enough = min(threads for threads, rate in throughput.items() if rate >= (1 - tolerance) * best)
    largest = max(throughput)
    if enough == largest < most:
        return min(2 * largest, most)
    return min(enough, most)
