"""Which keys one worker keeps ready: TinyLFU admission in front of least-recently-used eviction.

A key that comes for the first time takes the one slot for passing keys. When the next one comes, the passing key is
kept only if it is at least as popular as the kept key that was not used for longest; the less popular of the two is let
go. A scan over many keys thus passes through one slot and displaces none that is popular.

References
----------
Einziger, Friedman, Manes: TinyLFU: a highly efficient cache admission policy. ACM Transactions on Storage, 2017.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from fastpath.errors import BadRequest


class KeyResidency:
    """The keys of one worker.

    Parameters
    ----------
    slots
        Keys the worker keeps, the passing one included.
    popularity
        Estimated recent uses of a key, over all workers.
    """

    def __init__(self, slots: int, popularity: Callable[[str], float]) -> None:
        if slots < 1:
            raise BadRequest(f"slots is {slots!r}; it must be at least 1")
        self._most_kept = slots - 1
        self._popularity = popularity
        self._kept: OrderedDict[str, None] = OrderedDict()
        self._passing: str | None = None
        self.hits = 0
        self.misses = 0

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._kept or (key_id is not None and key_id == self._passing)

    def __len__(self) -> int:
        return len(self._kept) + (self._passing is not None)

    def use(self, key_id: str) -> list[str]:
        """Take in that the worker works with a key; return the keys that it is to let go of."""
        if key_id in self:
            self.hits += 1
        else:
            self.misses += 1
        return self.place(key_id)

    def place(self, key_id: str) -> list[str]:
        """As :meth:`use`, for a key that is loaded ahead: no use of it is counted."""
        if key_id in self._kept:
            self._kept.move_to_end(key_id)
            return []
        if key_id == self._passing:
            return []
        candidate, self._passing = self._passing, key_id
        if candidate is None:
            return []
        if len(self._kept) < self._most_kept:
            self._kept[candidate] = None
            return []
        victim = next(iter(self._kept), None)
        if victim is None or self._popularity(candidate) < self._popularity(victim):
            return [candidate]
        del self._kept[victim]
        self._kept[candidate] = None
        return [victim]

    def clear(self) -> None:
        """Forget everything: the worker's process has ended."""
        self._kept.clear()
        self._passing = None
