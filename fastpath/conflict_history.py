"""What a job that declares nothing will probably write, from what its like declared.

Alike are jobs of the same tenant, key and submitter. A name that at least half of the recent declared jobs of a kind
wrote is expected of the next.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from fastpath.conflicts import Access

_KINDS: Final = 1024
_NAMES: Final = 64  # per kind; a name that half of them write is among the first 64 of any 128
_RECENT: Final = 64.0  # jobs after which all counts are halved
_SHARE: Final = 0.5


@dataclass(slots=True)
class _Kind:
    jobs: float = 0.0
    writes: dict[str, float] = field(default_factory=dict)

    def halve(self) -> None:
        self.jobs /= 2
        self.writes = {name: count / 2 for name, count in self.writes.items() if count >= 2}


class ConflictHistory:
    """Learns from declared jobs, guesses for the others. Memory is bounded; the kind unused for longest is forgotten.

    Parameters
    ----------
    least
        Declared jobs of a kind from which on it is guessed.
    """

    def __init__(self, least: int = 8) -> None:
        self._least = least
        self._kinds: OrderedDict[tuple[str, str, str], _Kind] = OrderedDict()

    def declared(self, tenant: str, key_id: str, submitter: str, access: Access) -> None:
        """Take in what one job declared."""
        kind = self._kinds.setdefault((tenant, key_id, submitter), _Kind())
        self._kinds.move_to_end((tenant, key_id, submitter))
        if len(self._kinds) > _KINDS:
            self._kinds.popitem(last=False)
        kind.jobs += 1
        for name in access.writes:
            if name in kind.writes or len(kind.writes) < _NAMES:
                kind.writes[name] = kind.writes.get(name, 0.0) + 1
        if kind.jobs >= _RECENT:
            kind.halve()

    def guess(self, tenant: str, key_id: str, submitter: str) -> frozenset[str]:
        """Return what a job of this kind will probably write; empty when nothing stands out."""
        kind = self._kinds.get((tenant, key_id, submitter))
        if kind is None or kind.jobs < self._least:
            return frozenset()
        return frozenset(name for name, count in kind.writes.items() if count >= _SHARE * kind.jobs)
