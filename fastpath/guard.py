"""A guard on how many calls one worker has at once: additive increase, multiplicative decrease on normalised slowdown.

The slowdown of a call is what its jobs took over the least that jobs of the same key took, so jobs of unequal size need
no common target. Memory tokens bound concurrency first; the guard only catches what they cannot see, such as a
neighbour on the same machine. Limits from latency alone do badly on mixed sizes, so it is slow to act and never goes
below one call.

References
----------
Chiu, Jain: Analysis of the increase and decrease algorithms for congestion avoidance in computer networks. 1989.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from fastpath.errors import BadRequest

_KEYS: Final = 64
_FORGETS: Final = 1.01  # the least time grows by so much a call: an optimum that is gone is forgotten in 100 calls


@dataclass(frozen=True)
class GuardPolicy:
    """How the guard reacts.

    Attributes
    ----------
    tolerance
        Slowdown beyond which a call counts as slow.
    decrease
        Factor of the limit after a slow round.
    """

    tolerance: float = 3.0
    decrease: float = 0.75

    def __post_init__(self) -> None:
        if not self.tolerance > 1 or not 0 < self.decrease < 1:
            raise BadRequest(f"{self}: tolerance is above 1 and decrease between 0 and 1")


class ConcurrencyGuard:
    """The limit of one worker, between 1 and ``most``; it starts at ``most``.

    A slow call lowers the limit once a round, that is once in as many calls as the limit: the calls of one round have
    seen the same crowd.
    """

    def __init__(self, policy: GuardPolicy, most: int) -> None:
        self._policy = policy
        self._most = most
        self._limit = float(most)
        self._least_s: OrderedDict[str, float] = OrderedDict()
        self._calls_in_round = 0

    @property
    def limit(self) -> int:
        """Calls that the worker may have at once."""
        return int(self._limit)

    def ended(self, key_id: str, seconds: float) -> None:
        """Take in a call whose jobs took ``seconds`` each."""
        least_s = min(seconds, _FORGETS * self._least_s.get(key_id, seconds))
        self._least_s[key_id] = least_s
        self._least_s.move_to_end(key_id)
        if len(self._least_s) > _KEYS:
            self._least_s.popitem(last=False)
        self._calls_in_round += 1
        if seconds <= self._policy.tolerance * least_s:
            self._limit = min(float(self._most), self._limit + 1 / self._limit)
        elif self._calls_in_round >= self._limit:
            self._limit = max(1.0, self._policy.decrease * self._limit)
            self._calls_in_round = 0
