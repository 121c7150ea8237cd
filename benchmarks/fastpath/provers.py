"""Simulated provers: what a call takes, and which runs fail."""

from __future__ import annotations

from collections import OrderedDict
from random import Random
from typing import Final

from benchmarks.fastpath.policy import Fault
from benchmarks.fastpath.requests import Request, Trace

CALL_S: Final = 0.001
"""What a call costs beyond its jobs, as an actor call does."""
CANCEL_S: Final = 0.1
"""How long a stopped job takes to notice."""
PROBE_S: Final = 0.5
"""How long a known task takes."""
SPLIT_TIME: Final = 1.1
SPLIT_MEMORY: Final = 2
_MEMORY_FAULT_AT: Final = 0.05
"""Share of a run after which it is out of memory: the first allocations fail."""


class Prover:
    """Lanes that share a memory and the keys they hold; the lanes themselves are the simulation's."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._keys: OrderedDict[str, None] = OrderedDict()
        self.alive = True
        self.generation = 0
        self.bytes_in_use = 0
        self.key_loads = 0
        self.calls = 0

    def end(self) -> None:
        """Lose the process with all it had."""
        self.alive = False
        self.generation += 1
        self.bytes_in_use = 0
        self._keys.clear()

    def begin_call(self, key_id: str) -> float:
        """Return the seconds before the first job of a call begins."""
        self.calls += 1
        if key_id in self._keys:
            self._keys.move_to_end(key_id)
            return CALL_S
        self.load(key_id)
        self.key_loads += 1
        return CALL_S + self._trace.key_load_s

    def load(self, key_id: str) -> None:
        """Hold a key, in place of the one that was not used for longest if there are too many."""
        self._keys[key_id] = None
        self._keys.move_to_end(key_id)
        if len(self._keys) > self._trace.keys_kept:
            self._keys.popitem(last=False)

    def forget(self, key_id: str) -> None:
        """Let go of a key."""
        self._keys.pop(key_id, None)

    def begin_run(self, request: Request, run_number: int, split: bool) -> tuple[float, int, Fault | None]:
        """Return the seconds a run will take, the memory it holds meanwhile, and how it fails."""
        seconds = request.service_s * (SPLIT_TIME if split else 1.0)
        size = request.peak_bytes // (SPLIT_MEMORY if split else 1)
        if self.bytes_in_use + size > self._trace.memory_bytes:
            return seconds * _MEMORY_FAULT_AT, 0, Fault.MEMORY
        fault, at = _drawn_fault(self._trace, request, run_number, split)
        self.bytes_in_use += size
        return seconds * at, size, fault


def _drawn_fault(trace: Trace, request: Request, run_number: int, split: bool) -> tuple[Fault | None, float]:
    rates = trace.faults
    if not rates.total:
        return None, 1.0
    rng = Random(f"{trace.seed} {request.number} {run_number}")
    draw, at = rng.random(), rng.random()
    for fault, rate in (
        (Fault.LOST, rates.lost),
        (Fault.MEMORY, rates.memory),
        (Fault.INVALID, rates.invalid),
        (Fault.TRANSIENT, rates.transient),
    ):
        if draw < rate and not (fault is Fault.MEMORY and split):
            return fault, 1.0 if fault is Fault.INVALID else at
        draw -= rate
    return None, 1.0
