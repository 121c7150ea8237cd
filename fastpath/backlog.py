"""How much work is due by when: sums over time, at a cost that does not grow with the number of jobs."""

from __future__ import annotations

import math
from typing import Final

_FINEST_S: Final = 0.25  # deadlines in the same quarter of a second count as equal
_RADIX: Final = 64
_LEVELS: Final = 4  # 64^3 quarters are 18 hours; later buckets are as wide


class Backlog:
    """Seconds of work by deadline.

    Time is cut into buckets, 64 of which make one of the next level. An amount is added to its bucket on every level,
    so a sum up to some time takes at most 64 buckets of each level.
    """

    __slots__ = ("_levels", "_timeless", "total")

    def __init__(self) -> None:
        self._levels: list[dict[int, float]] = [{} for _ in range(_LEVELS)]
        self._timeless = 0.0
        self.total = 0.0

    def add(self, deadline: float, amount: float) -> None:
        """Add an amount that is due at ``deadline``, infinite for never; a negative one takes it back."""
        self.total += amount
        if deadline == math.inf:
            self._timeless += amount
            return
        bucket = int(deadline / _FINEST_S)
        for level in self._levels:
            left = level.get(bucket, 0.0) + amount
            if left > 1e-9:
                level[bucket] = left
            else:  # dust of float sums must not keep a bucket alive
                level.pop(bucket, None)
            bucket //= _RADIX

    def until(self, deadline: float) -> float:
        """Return what is due up to and including ``deadline``."""
        if deadline == math.inf:
            return max(0.0, self.total)
        bucket = int(deadline / _FINEST_S) + 1
        due = 0.0
        for level in self._levels[:-1]:
            first = bucket - bucket % _RADIX
            due += sum(level.get(index, 0.0) for index in range(first, bucket))
            bucket //= _RADIX
        return due + sum(amount for index, amount in self._levels[-1].items() if index < bucket)
