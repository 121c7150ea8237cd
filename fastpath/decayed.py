"""A sum that fades: what was added a half-life ago counts half."""

from __future__ import annotations

import math


class Decayed:
    """Sum with exponential decay. A clock that steps back is taken to stand.

    Parameters
    ----------
    half_life_s
        Positive seconds.
    """

    __slots__ = ("_at", "half_life_s", "total")

    def __init__(self, half_life_s: float, now: float = 0.0) -> None:
        self.half_life_s = half_life_s
        self._at = now
        self.total = 0.0

    def add(self, now: float, amount: float) -> None:
        """Add an amount; ``total`` is then as of ``now``."""
        self.total = self.at(now) + amount
        self._at = max(now, self._at)

    def at(self, now: float) -> float:
        """Return the sum as of ``now``."""
        return self.total * math.pow(2.0, -max(0.0, now - self._at) / self.half_life_s)

    def rate(self, now: float) -> float:
        """Return the amount a second: a stream of rate r with half-life h sums up to r h / ln 2."""
        return self.at(now) * math.log(2) / self.half_life_s
