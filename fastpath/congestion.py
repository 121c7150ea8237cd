"""How congested the queue is, on a scale from 1 (not) to 10.

The scale is the larger of queue length over its threshold and queue delay over its target, held between 1 and 10,
without steps. Delay is what callers feel; length alone says nothing of jobs of unequal cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastpath.errors import BadRequest

MOST_CONGESTED: Final = 10.0


@dataclass(frozen=True)
class Congestion:
    """The scale for one queue.

    Attributes
    ----------
    threshold
        Queue length from which the queue counts as congested.
    target_delay_s
        Queue delay from which it does.
    """

    threshold: int = 1000
    target_delay_s: float = 10.0

    def __post_init__(self) -> None:
        if self.threshold < 1 or not self.target_delay_s > 0:
            raise BadRequest(f"{self}: threshold is at least 1 and target_delay_s is positive")

    def multiplier(self, queue_length: int, queue_delay_s: float = 0.0) -> float:
        """Return the position on the scale; waits are stretched by it."""
        load = max(queue_length / self.threshold, queue_delay_s / self.target_delay_s)
        return min(max(load, 1.0), MOST_CONGESTED)

    def is_congested(self, queue_length: int, queue_delay_s: float = 0.0) -> bool:
        """Whether the queue is beyond its threshold or its target delay."""
        return self.multiplier(queue_length, queue_delay_s) > 1.0
