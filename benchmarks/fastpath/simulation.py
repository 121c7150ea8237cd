"""Discrete events: clients submit, provers work, fail and return, and a policy decides, in simulated time.

Two events at one moment happen in the order in which they were planned, and every random draw comes from the trace's
seed: a run is reproducible to the bit.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from benchmarks.fastpath.clients import Client
from benchmarks.fastpath.history import History, RequestHistory
from benchmarks.fastpath.policy import Call, Ended, Fault, Policy, Refusal, Run
from benchmarks.fastpath.provers import CALL_S, CANCEL_S, PROBE_S, Prover
from benchmarks.fastpath.requests import Outage, Request, Trace
from benchmarks.fastpath.shared_state import SharedState


@dataclass(slots=True)
class _Working:
    """A lane at work on a call: its jobs run one after the other."""

    call: Call
    generation: int
    key_id: str
    runs: list[Run] = field(default_factory=list)
    began_s: float = 0.0
    held_bytes: int = 0
    fault: Fault | None = None
    step: int = 0
    """Rises with every job that begins or is stopped, so that a planned end that was overtaken is recognised."""


class Simulation:
    """One policy and its clients on one trace.

    Parameters
    ----------
    horizon_s
        When to stop looking; what is unfinished then has failed. Infinite: when nothing is left to happen.
    """

    def __init__(self, trace: Trace, policy: Policy, client: Client, horizon_s: float = math.inf) -> None:
        self.now = 0.0
        self.state = SharedState()
        self.history = History(trace, policy.name)
        self._trace = trace
        self._policy = policy
        self._client = client
        self._horizon_s = horizon_s
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._provers = [Prover(trace) for _ in range(trace.provers)]
        self._working: dict[Call, _Working] = {}
        self._request_of: list[Request] = []
        self._wake_s = math.inf

    def run(self) -> History:
        """Let everything happen, and return what did."""
        for request in self._trace.requests:
            self._at(request.arrival_s, lambda request=request: self._arrive(request))  # type: ignore[misc]
        for outage in self._trace.outages:
            self._at(outage.start_s, lambda outage=outage: self._end_prover(outage))  # type: ignore[misc]
        while self._events and self._events[0][0] <= self._horizon_s:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
            self._advance()
        self.history.finished(self.now, sum(p.key_loads for p in self._provers), sum(p.calls for p in self._provers))
        return self.history

    def _at(self, when_s: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when_s, next(self._order), happen))

    def _advance(self) -> None:
        orders = self._policy.tick(self.now)
        for call in orders.calls:
            self._begin(call)
        for job in orders.stops:
            self._stop(job)
        for prover in orders.restarts:
            self._end_prover(Outage(prover, self.now, self.now + self._trace.faults.restart_s))
        for prover in orders.probes:
            self._probe(prover)
        for prover, key_id in orders.preloads:
            self._preload(self._provers[prover], key_id)
        for prover, key_id in orders.forgets:
            self._provers[prover].forget(key_id)
        for ended in orders.ended:
            self._tell(ended)
        due_s = math.inf if orders.next_event_s is None else orders.next_event_s
        if due_s < self._wake_s:
            self._wake_s = due_s
            self._at(max(due_s, self.now), lambda: self._wake(due_s))

    def _wake(self, due_s: float) -> None:
        if due_s == self._wake_s:  # else an earlier alarm was set meanwhile
            self._wake_s = math.inf

    # --- clients

    def _arrive(self, request: Request) -> None:
        story = self.history.arrived(request)
        if self._client.submitted(self.now, request.tenant):
            self._submit(request, story)

    def _submit(self, request: Request, story: RequestHistory, ticket: str = "") -> None:
        job = len(self._request_of)
        self._request_of.append(request)
        story.attempts += 1
        refusal = self._policy.submit(self.now, job, request, ticket)
        self._client.answered(self.now, request.tenant, refusal is None)
        if story.promised:
            self.history.returned(accepted=refusal is None)
            story.promised = False
        if refusal is not None:
            self._refused(request, story, refusal)
            return
        story.job = job
        story.predicted_s = self._policy.predicted_finish_s(self.now, job)
        if request.patience_s < math.inf:
            self._at(self.now + request.patience_s, lambda: self._time_out(request, story, job))

    def _refused(self, request: Request, story: RequestHistory, refusal: Refusal) -> None:
        self.history.refusals += 1
        if refusal.retry_after_s == math.inf:
            return
        wait_s = self._client.after_refusal(self.now, request.tenant, story.attempts, refusal)
        if wait_s is not None:
            story.promised = True
            self._at(self.now + wait_s, lambda: self._submit(request, story, refusal.ticket))

    def _time_out(self, request: Request, story: RequestHistory, job: int) -> None:
        if story.job == job:
            self._fail(request, story)

    def _fail(self, request: Request, story: RequestHistory) -> None:
        story.job = None
        length = self._policy.queue_length()
        wait_s = self._client.after_failure(self.now, request.tenant, story.attempts, length)
        if wait_s is not None:
            self._at(self.now + wait_s, lambda: self._submit(request, story))

    def _tell(self, ended: Ended) -> None:
        request = self._request_of[ended.job]
        story = self.history.of(request)
        if story.job != ended.job:
            return  # nobody waits for it any more
        if ended.proved:
            story.job = None
            story.served_s = self.now
            self.history.was_useful(ended.job)
        else:
            self._fail(request, story)

    # --- provers

    def _begin(self, call: Call) -> None:
        prover = self._provers[call.prover]
        if not prover.alive:  # the policy cannot know yet; a call to a dead process fails at once
            self._at(self.now + CALL_S, lambda: self._policy.lost(self.now, call))
            return
        requests = [self._request_of[job] for job in call.jobs]
        self._policy.began(self.now, call)
        working = _Working(call, prover.generation, requests[0].key_id)
        self._working[call] = working
        for job, request in zip(call.jobs, requests, strict=True):
            self.state.begin(job, request)
        self._at(self.now + prover.begin_call(working.key_id), lambda: self._next_run(working))

    def _is_current(self, working: _Working) -> bool:
        return working.call in self._working and self._provers[working.call.prover].generation == working.generation

    def _next_run(self, working: _Working) -> None:
        """Begin the next job of a call, or end the call after the last one."""
        if not self._is_current(working):
            return
        call = working.call
        if len(working.runs) == len(call.jobs):
            self._end_call(working)
            return
        job = call.jobs[len(working.runs)]
        if job in self.history.stopped:
            working.runs.append(Run(job, 0.0, 0, Fault.STOPPED))
            self._next_run(working)
            return
        request = self._request_of[job]
        story = self.history.of(request)
        story.runs += 1
        prover = self._provers[call.prover]
        seconds, working.held_bytes, working.fault = prover.begin_run(request, story.runs, call.split)
        working.began_s = self.now
        working.step += 1
        self._plan_end(working, seconds)

    def _plan_end(self, working: _Working, seconds: float) -> None:
        step = working.step
        self._at(self.now + seconds, lambda: self._end_run(working) if working.step == step else None)

    def _end_run(self, working: _Working) -> None:
        if not self._is_current(working):
            return
        prover = self._provers[working.call.prover]
        prover.bytes_in_use -= working.held_bytes
        job = working.call.jobs[len(working.runs)]
        if working.fault is Fault.LOST:
            self._end_prover(Outage(working.call.prover, self.now, self.now + self._trace.faults.restart_s))
            return
        self._record(working, job, working.fault)
        working.runs.append(Run(job, self.now - working.began_s, working.held_bytes, working.fault))
        self._next_run(working)

    def _record(self, working: _Working, job: int, fault: Fault | None) -> None:
        self.history.ran(job, working.began_s, self.now, fault)

    def _end_call(self, working: _Working) -> None:
        del self._working[working.call]
        runs = [self._committed(run) for run in working.runs]
        self._policy.ended(self.now, working.call, runs)

    def _committed(self, run: Run) -> Run:
        request = self._request_of[run.job]
        if run.fault is not None:
            self.state.forget(run.job)
            return run
        if self.state.commit(run.job, request):
            return run
        self.history.conflicts += 1
        return replace(run, fault=Fault.TRANSIENT)

    def _stop(self, job: int) -> None:
        self.history.stopped.add(job)
        for working in self._working.values():
            begun = len(working.runs)
            if begun < len(working.call.jobs) and working.call.jobs[begun] == job and working.step:
                working.fault = Fault.STOPPED
                working.step += 1
                self._plan_end(working, CANCEL_S)

    def _end_prover(self, outage: Outage) -> None:
        prover = self._provers[outage.prover]
        if not prover.alive:
            return
        for working in [w for w in self._working.values() if w.call.prover == outage.prover]:
            del self._working[working.call]
            if len(working.runs) < len(working.call.jobs) and working.step:
                self._record(working, working.call.jobs[len(working.runs)], Fault.LOST)
            for job in working.call.jobs:
                self.state.forget(job)
            self._policy.lost(self.now, working.call)
        prover.end()
        self._policy.gone(self.now, outage.prover)
        self._at(outage.end_s, lambda: self._begin_prover(outage.prover))

    def _probe(self, prover: int) -> None:
        def answer() -> None:
            if self._provers[prover].alive:
                self._policy.probed(self.now, prover)

        self._at(self.now + PROBE_S, answer)

    def _preload(self, prover: Prover, key_id: str) -> None:
        generation = prover.generation

        def loaded() -> None:
            if prover.generation == generation:
                prover.load(key_id)

        self._at(self.now + self._trace.key_load_s, loaded)

    def _begin_prover(self, index: int) -> None:
        self._provers[index].alive = True
        self._policy.back(self.now, index)
