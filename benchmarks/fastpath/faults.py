"""Figures while runs fail, and while memory is short."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.fastpath import figures, workloads
from benchmarks.fastpath.contenders import CONTENDERS, run
from benchmarks.fastpath.control_plane import ControlPlane
from benchmarks.fastpath.figures import Figure
from benchmarks.fastpath.history import share_in_time
from benchmarks.fastpath.policy import Fault
from benchmarks.fastpath.requests import FaultRates

MIXED = FaultRates(lost=0.05, memory=0.05, invalid=0.05, transient=0.05)
ALL_CHARGED = FaultRates(transient=0.2)


def one_run_in_five(seed: int, seconds: float) -> Iterator[Figure]:
    """A fifth of all runs end in a fault: of all classes alike, or all of one that is charged to the job.

    The origin charges every run. The service charges those that may be the job's own fault, and the good one.
    """
    for kind, rates in (("", MIXED), (" of a charged class alone", ALL_CHARGED)):
        trace = workloads.faulty(seed, rates, seconds=seconds)
        for name, contender in CONTENDERS.items():
            policy, client = contender(trace)
            history = run(trace, lambda _, made=(policy, client): made)  # type: ignore[misc]
            stories = history.requests
            runs = sum(story.runs for story in stories)
            charged = policy.charged if isinstance(policy, ControlPlane) else runs
            yield Figure(figures.CHARGED + kind, name, seed, charged / len(stories), "x")
            yield Figure(f"runs a job under faults{kind}", name, seed, runs / len(stories), "x")
            yield Figure(f"in time under faults{kind}", name, seed, share_in_time(stories), "share")


def heavy_tail(seed: int, seconds: float) -> Iterator[Figure]:
    """Sizes over a factor of 256, two lanes to a memory: whether memory is foreseen, and who is served."""
    trace = workloads.heavy_tail(seed, seconds=seconds)
    begin, end = trace.marks["begin"], trace.marks["end"]
    for name, contender in CONTENDERS.items():
        history = run(trace, contender)
        stories = history.between(begin, end)
        yield Figure("heavy tail: runs out of memory", name, seed, history.count(Fault.MEMORY))
        yield Figure("heavy tail: goodput", name, seed, history.goodput(begin, end), "share")
        for size in ("small", "large"):
            of_size = [story for story in stories if story.request.size == size]
            yield Figure(f"heavy tail: {size} proofs in time", name, seed, share_in_time(of_size), "share")
