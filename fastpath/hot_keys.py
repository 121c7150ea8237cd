"""The most accessed keys of a stream, in memory that does not grow with the number of keys.

Space-Saving with k counters: a key without a counter takes over the least one, count included. Then for every key
``count - error <= true <= count``, the error is at most N / k after N accesses, and each key accessed more than
N / k times has a counter.

References
----------
Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k elements in data streams. ICDT 2005.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastpath.errors import BadRequest


@dataclass(frozen=True, slots=True)
class HotKey:
    """A frequent key: it was accessed at most ``count`` and at least ``count - error`` times."""

    key: str
    count: int
    error: int


class HotKeys:
    """Counts accesses with ``counters`` counters. Tracking is O(counters) at worst, O(1) for a key that has one."""

    def __init__(self, counters: int = 64) -> None:
        if counters < 1:
            raise BadRequest(f"counters is {counters!r}; it must be at least 1")
        self._counters = counters
        self._hot: dict[str, HotKey] = {}

    def track(self, key: str, accesses: int = 1) -> None:
        """Count accesses of ``key``."""
        known = self._hot.get(key)
        if known is None and len(self._hot) < self._counters:
            known = HotKey(key, 0, 0)
        elif known is None:
            least = min(self._hot.values(), key=lambda hot: hot.count)
            del self._hot[least.key]
            known = HotKey(key, least.count, least.count)
        self._hot[key] = HotKey(key, known.count + accesses, known.error)

    def get(self, top_k: int) -> list[HotKey]:
        """Return up to ``top_k`` keys, the most accessed first."""
        return sorted(self._hot.values(), key=lambda hot: (-hot.count, hot.error, hot.key))[: max(top_k, 0)]

    def reset(self) -> None:
        """Forget all accesses."""
        self._hot.clear()
