"""Figures of tenants that share the service."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.fastpath import figures, workloads
from benchmarks.fastpath.contenders import CONTENDERS, run
from benchmarks.fastpath.figures import Figure
from benchmarks.fastpath.history import History, jain_index, share_in_time


def noisy_neighbour(seed: int) -> Iterator[Figure]:
    """A quiet tenant beside one that asks for ten times as much, and for twice what the provers can do."""
    trace = workloads.noisy_neighbour(seed)
    begin, end = trace.marks["begin"], trace.marks["end"]
    for name, contender in CONTENDERS.items():
        history = run(trace, contender)
        quiet = [story for story in history.between(begin, end) if story.request.tenant == "quiet"]
        yield Figure(figures.QUIET, name, seed, share_in_time(quiet), "share")
        yield Figure("Jain index of the tenants' shares", name, seed, _jain(history, begin, end))
        yield Figure("noisy neighbour: goodput", name, seed, history.goodput(begin, end), "share")


def _jain(history: History, begin_s: float, end_s: float) -> float:
    """Jain's index of what each tenant got over what is its due: its demand, or half the provers if that is less."""
    due_at_most_s = history.trace.capacity * (end_s - begin_s) / 2
    shares = []
    for tenant in ("quiet", "noisy"):
        stories = [story for story in history.between(begin_s, end_s) if story.request.tenant == tenant]
        got_s = sum(story.request.service_s for story in stories if story.in_time)
        due_s = min(sum(story.request.service_s for story in stories), due_at_most_s)
        shares.append(min(1.0, got_s / due_s))
    return jain_index(shares)
