"""Which hot keys to load ahead, on workers that would otherwise wait for them."""

from __future__ import annotations

from typing import Final

from fastpath.hot_keys import HotKeys
from fastpath.workers import Workers

_EVERY_S: Final = 5.0
_HOTTEST: Final = 8
_LEAST_USES: Final = 32.0  # lately; a load takes as long as some jobs


class Preloads:
    """Every five seconds at most one load: the hottest key that no free worker has, on the least loaded worker."""

    def __init__(self, hot_keys: HotKeys, workers: Workers) -> None:
        self._hot_keys = hot_keys
        self._workers = workers
        self._next = 0.0

    def due(self, now: float) -> list[tuple[str, str]]:
        """Return pairs of worker and key to load now."""
        if now < self._next:
            return []
        self._next = now + _EVERY_S
        free = [worker for worker in self._workers if worker.free and len(worker.keys) < worker.offer.key_slots]
        for hot in self._hot_keys.get(_HOTTEST, now):
            lacking = [worker for worker in free if hot.key not in worker.keys]
            if lacking and len(lacking) == len(free) and hot.count >= _LEAST_USES:
                chosen = min(lacking, key=lambda worker: worker.load)
                chosen.keys.place(hot.key)
                return [(chosen.name, hot.key)]
        return []
