"""Figures of work that shares state: declared conflicts against the ways to do without them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence

from benchmarks.fastpath import figures, workloads
from benchmarks.fastpath.clients import ServiceClient
from benchmarks.fastpath.control_plane import ControlPlane
from benchmarks.fastpath.figures import FASTPATH, Figure
from benchmarks.fastpath.history import History
from benchmarks.fastpath.origin import OriginClient, OriginPolicy
from benchmarks.fastpath.policy import Call, Ended, Orders, Policy, Refusal, Run
from benchmarks.fastpath.requests import Request, Trace
from benchmarks.fastpath.shared_state import equals_serial
from benchmarks.fastpath.simulation import Simulation

HEAD_OF_LINE = "in order, the first waits"
ONE_BY_ONE = "one by one"
UNDECLARED = "fastpath, undeclared"


class InOrder:
    """Strictly in order of submission: while the first job conflicts with one that runs, nothing begins.

    Parameters
    ----------
    at_most
        Jobs that run at once.
    """

    name = HEAD_OF_LINE

    def __init__(self, trace: Trace, at_most: int) -> None:
        self._free = [prover for prover in range(trace.provers) for _ in range(trace.lanes)][:at_most]
        self._waiting: deque[tuple[int, Request]] = deque()
        self._running: dict[int, Request] = {}
        self._ended: list[Ended] = []

    def submit(self, now: float, job: int, request: Request, ticket: str = "") -> Refusal | None:  # noqa: ARG002
        """Queue it."""
        self._waiting.append((job, request))
        return None

    def tick(self, now: float) -> Orders:  # noqa: ARG002
        """Begin the first jobs that conflict with nothing that runs."""
        calls = []
        while self._waiting and self._free and not self._conflicts(self._waiting[0][1]):
            job, request = self._waiting.popleft()
            self._running[job] = request
            calls.append(Call(self._free.pop(), (job,)))
        ended, self._ended = self._ended, []
        return Orders(calls=calls, ended=ended)

    def _conflicts(self, request: Request) -> bool:
        touched = request.reads | request.writes
        return any(touched & r.writes or request.writes & r.reads for r in self._running.values())

    def began(self, now: float, call: Call) -> None:
        """No news: nothing is lost in these traces."""

    def ended(self, now: float, call: Call, runs: Sequence[Run]) -> None:  # noqa: ARG002
        """Free the prover."""
        for run in runs:
            del self._running[run.job]
            self._ended.append(Ended(run.job, run.fault is None))
        self._free.append(call.prover)

    def predicted_finish_s(self, now: float, job: int) -> float | None:  # noqa: ARG002
        """It predicts nothing."""
        return None

    def queue_length(self) -> int:
        """Jobs that wait."""
        return len(self._waiting)

    def lost(self, now: float, call: Call) -> None:
        """Nothing is lost in these traces."""

    def gone(self, now: float, prover: int) -> None:
        """Likewise."""

    def back(self, now: float, prover: int) -> None:
        """Likewise."""

    def probed(self, now: float, prover: int) -> None:
        """It never asks."""


def workload(seed: int, name: str, count: int) -> Iterator[Figure]:
    """Requests a second and whether the results are those of serial execution, for every way to run a workload.

    A policy that does not know the conflicts runs everything side by side; a run whose reads have changed meanwhile
    fails, as in optimistic concurrency control, and is retried as that policy retries. The service with conflict
    batches is held against

    - itself without them: one by one, or with nothing declared, whatever the results;
    - the best of all others whose results are right, among them the one that knows the conflicts and never reorders;
    - what the conflicts allow at best.
    """
    trace = workloads.with_conflicts(seed, name, count)
    ways: dict[str, tuple[Policy, ServiceClient | OriginClient]] = {
        ONE_BY_ONE: (InOrder(trace, 1), OriginClient()),
        HEAD_OF_LINE: (InOrder(trace, trace.capacity), OriginClient()),
        figures.ORIGIN: (OriginPolicy(trace), OriginClient()),
        UNDECLARED: (ControlPlane(trace, declares=False), ServiceClient(seed)),
        FASTPATH: (ControlPlane(trace), ServiceClient(seed)),
    }
    rates: dict[str, float] = {}
    right: dict[str, bool] = {}
    for way, (policy, client) in ways.items():
        simulation = Simulation(trace, policy, client)
        history = simulation.run()
        rates[way] = _rate(history)
        serial = equals_serial(simulation.state, trace.requests)
        yield Figure(f"{name}: requests a second", way, seed, rates[way], "1/s")
        yield Figure(f"{name}: runs that met a conflict", way, seed, history.conflicts)
        yield Figure(figures.SERIAL, way, seed, serial)
        right[way] = serial
    without = max(rates[ONE_BY_ONE], rates[UNDECLARED])
    yield Figure(f"{name}: {figures.AGAINST_WITHOUT}", FASTPATH, seed, rates[FASTPATH] / without, "x")
    gain = rates[FASTPATH] / max(rate for way, rate in rates.items() if way != FASTPATH and right[way])
    yield Figure(f"{name}: {figures.AGAINST_OTHERS}", FASTPATH, seed, gain, "x")
    allowed = len(trace.requests) / least_s(trace)
    yield Figure(f"{name}: {figures.OF_ALLOWED}", FASTPATH, seed, rates[FASTPATH] / allowed, "share")


def least_s(trace: Trace) -> float:
    """Return the seconds that a trace takes at least: its longest chain of conflicts, or its work on all lanes."""
    written: dict[str, float] = {}
    read: dict[str, float] = {}
    longest_s = work_s = 0.0
    for request in trace.requests:
        before = [written.get(key, 0.0) for key in request.reads | request.writes]
        before += [read.get(key, 0.0) for key in request.writes]
        end_s = max(before, default=0.0) + request.service_s
        written.update(dict.fromkeys(request.writes, end_s))
        for key in request.reads:
            read[key] = max(read.get(key, 0.0), end_s)
        longest_s, work_s = max(longest_s, end_s), work_s + request.service_s
    return max(longest_s, work_s / trace.capacity)


def _rate(history: History) -> float:
    """Requests served a second until the last was; those never served make the figure no better."""
    served_s = [story.served_s for story in history.requests if story.served]
    return len(served_s) / max(served_s) if served_s else math.nan
