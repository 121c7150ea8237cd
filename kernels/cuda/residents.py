"""What stays on a device between calls (bases with their tables, matrices, twiddles), within a byte budget.

The least recently used goes first. All of it can be made again from what the host holds.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from kernels.cuda.device import Memory
    from kernels.cuda.session import Scope, Session

Value = TypeVar("Value")
_tokens = itertools.count()


def new_token() -> int:
    """A key for a resident that no other has."""
    return next(_tokens)


@dataclass(frozen=True)
class _Resident:
    value: Any
    memory: tuple[Memory, ...]
    size_bytes: int


class Residents:
    """See the module. Lives on the device's thread; only :meth:`discard` may be called from any thread."""

    def __init__(self, session: Session, budget_bytes: int) -> None:
        self._session = session
        self.budget_bytes = budget_bytes
        self._kept: OrderedDict[Hashable, _Resident] = OrderedDict()
        self._in_use: set[Hashable] = set()
        self._discarded: deque[Hashable] = deque()

    @property
    def size_bytes(self) -> int:
        """Memory of everything resident."""
        return sum(resident.size_bytes for resident in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[Scope], Value]) -> Value:
        """Return the resident of that key, made by ``make`` from memory of the scope it is given where there is none.

        It stays until :meth:`end_use`, whatever the budget says.
        """
        self._in_use.add(key)
        if key in self._kept:
            self._kept.move_to_end(key)
        else:
            with self._session.scope() as scope:
                value = make(scope)
                memory = scope.keep_all()
            self._kept[key] = _Resident(value, memory, sum(part.size_bytes for part in memory))
            self.shrink(self.budget_bytes)
        made: Value = self._kept[key].value
        return made

    def end_use(self) -> None:
        """Everything may be evicted again; what nobody can ask for any more is."""
        self._in_use.clear()
        while self._discarded:
            self._evict(self._discarded.popleft())

    def discard(self, key: Hashable) -> None:
        """Nobody will ask for this key again. From any thread."""
        self._discarded.append(key)

    def shrink(self, most_bytes: int) -> None:
        """Evict the least recently used, none in use, until what stays is small enough."""
        for key in list(self._kept):
            if self.size_bytes <= most_bytes:
                break
            if key not in self._in_use:
                self._evict(key)

    def _evict(self, key: Hashable) -> None:
        resident = self._kept.pop(key, None)
        for memory in resident.memory if resident else ():
            self._session.device.free(memory)
