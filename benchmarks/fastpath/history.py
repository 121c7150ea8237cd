"""What happened in a run, and the figures that follow from it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.fastpath.policy import Fault
from benchmarks.fastpath.requests import Request, Trace

_WINDOW_S = 30.0
_RECOVERED = 0.95


@dataclass(slots=True)
class RequestHistory:
    """One request.

    Attributes
    ----------
    attempts
        Submissions by its client.
    runs
        Times a prover began it.
    job
        The submission whose answer the client waits for.
    promised
        It was refused, and comes back when it was told to.
    predicted_s
        When it was taken last, the policy believed that it would be done then.
    """

    request: Request
    attempts: int = 0
    runs: int = 0
    job: int | None = None
    promised: bool = False
    predicted_s: float | None = None
    served_s: float = math.inf

    @property
    def served(self) -> bool:
        """Whether its client got a proof while it waited."""
        return self.served_s < math.inf

    @property
    def latency_s(self) -> float:
        """From the first submission to the proof."""
        return self.served_s - self.request.arrival_s

    @property
    def in_time(self) -> bool:
        """Whether that was within the client's patience, returns included."""
        return self.latency_s <= self.request.patience_s


@dataclass(slots=True)
class _Ran:
    job: int
    start_s: float
    end_s: float
    fault: Fault | None


class History:
    """Every request and every run."""

    def __init__(self, trace: Trace, policy: str) -> None:
        self.trace = trace
        self.policy = policy
        self.requests: list[RequestHistory] = []
        self.stopped: set[int] = set()
        self.refusals = 0
        self.conflicts = 0
        self.returns = 0
        self.returns_accepted = 0
        self.end_s = 0.0
        self.key_loads = 0
        self.calls = 0
        self._by_number: dict[int, RequestHistory] = {}
        self._runs: list[_Ran] = []
        self._useful: set[int] = set()

    # --- written by the simulation

    def arrived(self, request: Request) -> RequestHistory:
        """Begin the history of a request."""
        story = self._by_number[request.number] = RequestHistory(request)
        self.requests.append(story)
        return story

    def of(self, request: Request) -> RequestHistory:
        """Return the history of a request."""
        return self._by_number[request.number]

    def returned(self, *, accepted: bool) -> None:
        """Count a return at the promised time."""
        self.returns += 1
        self.returns_accepted += accepted

    def ran(self, job: int, start_s: float, end_s: float, fault: Fault | None) -> None:
        """Note that a prover spent time on a job."""
        self._runs.append(_Ran(job, start_s, end_s, fault))

    def was_useful(self, job: int) -> None:
        """Note that a client got the proof of a job while it waited."""
        self._useful.add(job)

    def finished(self, now: float, key_loads: int, calls: int) -> None:
        """Note the end of the run."""
        self.end_s, self.key_loads, self.calls = now, key_loads, calls

    # --- figures

    def among(self, wanted: Callable[[Request], bool]) -> list[RequestHistory]:
        """Return the requests of a kind."""
        return [story for story in self.requests if wanted(story.request)]

    def between(self, start_s: float, end_s: float) -> list[RequestHistory]:
        """Return the requests that arrived from ``start_s`` to ``end_s``."""
        return self.among(lambda request: start_s <= request.arrival_s < end_s)

    def busy_s(self, start_s: float = 0.0, end_s: float = math.inf) -> float:
        """Return the prover-seconds spent on runs."""
        return sum(_overlap(run, start_s, end_s) for run in self._runs)

    def useful_s(self, start_s: float = 0.0, end_s: float = math.inf) -> float:
        """Return the prover-seconds of runs whose proof a client got while it waited."""
        return sum(_overlap(run, start_s, end_s) for run in self._runs if run.fault is None and run.job in self._useful)

    def count(self, fault: Fault | None) -> int:
        """Return the runs that ended in a fault, or well for ``None``."""
        return sum(run.fault is fault for run in self._runs)

    def goodput(self, start_s: float, end_s: float) -> float:
        """Return the useful prover-seconds over all there are."""
        return self.useful_s(start_s, end_s) / (self.trace.capacity * (end_s - start_s))

    def wasted(self, start_s: float = 0.0, end_s: float = math.inf) -> float:
        """Return the share of busy prover-seconds that helped nobody."""
        busy = self.busy_s(start_s, end_s)
        return 1 - self.useful_s(start_s, end_s) / busy if busy else 0.0

    def recovery_s(self, since_s: float) -> float:
        """Return the time until 95 % of the requests of the next 30 s are in time; infinite if that never comes."""
        stories = [story for story in self.requests if story.request.arrival_s >= since_s]
        times = [story.request.arrival_s for story in stories]
        good = [0]
        for story in stories:
            good.append(good[-1] + story.in_time)
        for first, time_s in enumerate(times):
            last = bisect_left(times, time_s + _WINDOW_S)
            if last == len(times):
                break  # the trace ends before the window does
            if good[last] - good[first] >= _RECOVERED * (last - first):
                return time_s - since_s
        return math.inf


def _overlap(run: _Ran, start_s: float, end_s: float) -> float:
    return max(0.0, min(run.end_s, end_s) - max(run.start_s, start_s))


def share_in_time(stories: Iterable[RequestHistory]) -> float:
    """Return the share of requests that were served within their first deadline; 1 for none."""
    verdicts = [story.in_time for story in stories]
    return sum(verdicts) / len(verdicts) if verdicts else 1.0


def share_served(stories: Iterable[RequestHistory]) -> float:
    """Return the share of requests that were served within the deadline of one of their submissions; 1 for none."""
    verdicts = [story.served for story in stories]
    return sum(verdicts) / len(verdicts) if verdicts else 1.0


def jain_index(shares: Iterable[float]) -> float:
    """Return how evenly shares are spread, from 1/n to 1: the square of the mean over the mean of squares."""
    values = list(shares)
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 0.0
