"""The state that requests share, and whether what they made of it is what serial execution makes of it.

A request reads its keys when its call begins and writes when the call ends, so that two conflicting requests in one
call, or in two calls at once, show. What it writes is a digest of its number and of what it read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from benchmarks.fastpath.requests import Request


class SharedState:
    """Values by key, empty at first."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.results: dict[int, str] = {}
        self._read: dict[int, dict[str, str]] = {}

    def begin(self, job: int, request: Request) -> None:
        """Let a job read what its request reads."""
        self._read[job] = self._now(request)

    def commit(self, job: int, request: Request) -> bool:
        """Let a job write, unless what it read has changed meanwhile; return whether it did."""
        read = self._read.pop(job)
        if read != self._now(request):
            return False
        digest = hashlib.sha256(f"{request.number} {sorted(read.items())}".encode()).hexdigest()
        self.values.update(dict.fromkeys(request.writes, digest))
        self.results[request.number] = digest
        return True

    def forget(self, job: int) -> None:
        """Drop what a job read: its run failed."""
        self._read.pop(job, None)

    def _now(self, request: Request) -> dict[str, str]:
        return {key: self.values.get(key, "") for key in request.reads | request.writes}


def serial(requests: Iterable[Request]) -> SharedState:
    """Run requests one after the other: the oracle."""
    state = SharedState()
    for request in requests:
        state.begin(request.number, request)
        state.commit(request.number, request)
    return state


def equals_serial(state: SharedState, requests: Sequence[Request]) -> bool:
    """Whether every request saw and wrote what it would have, had all run one after the other as submitted."""
    oracle = serial(requests)
    return state.results == oracle.results and state.values == oracle.values
