"""Memory tokens: a call takes its predicted peak from every pool it draws on, and gives it back when it ends."""

from __future__ import annotations

from collections.abc import Mapping

from fastpath.errors import BadRequest


class MemoryTokens:
    """Pools of bytes by name, such as the memory of one device or of one host.

    A pool that nobody set has no bound. A demand larger than a whole pool may pass while nothing else draws on that
    pool: the prediction may be wrong, and refusing for ever what might fit helps nobody.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, float] = {}
        self._taken: dict[str, float] = {}

    def set_pool(self, name: str, size_bytes: float) -> None:
        """Set or change the size of a pool; what is taken stays taken."""
        if size_bytes < 0:
            raise BadRequest(f"memory pool {name} cannot have {size_bytes!r} bytes")
        self._sizes[name] = size_bytes

    def free(self, name: str) -> float:
        """Return the bytes that are left; infinite without a bound."""
        size = self._sizes.get(name)
        return float("inf") if size is None else max(0.0, size - self._taken.get(name, 0.0))

    def fits(self, demand: Mapping[str, float]) -> bool:
        """Whether every pool has what is asked of it, or is idle."""
        return all(byte_count <= self.free(name) or not self._taken.get(name) for name, byte_count in demand.items())

    def take(self, demand: Mapping[str, float]) -> None:
        """Draw from the pools, whether or not it fits."""
        for name, byte_count in demand.items():
            self._taken[name] = self._taken.get(name, 0.0) + byte_count

    def give_back(self, demand: Mapping[str, float]) -> None:
        """Undo a :meth:`take` of the same demand."""
        for name, byte_count in demand.items():
            left = self._taken.get(name, 0.0) - byte_count
            # Sums of floats leave dust behind; an idle pool must read as idle.
            if left > 0.5:
                self._taken[name] = left
            else:
                self._taken.pop(name, None)
