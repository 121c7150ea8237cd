"""Figures under too much work: goodput, waste, recovery, latency, refusals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmarks.fastpath import figures, workloads
from benchmarks.fastpath.contenders import CONTENDERS, IMPROVEMENTS, run, run_patient
from benchmarks.fastpath.figures import FASTPATH, Figure
from benchmarks.fastpath.history import History, RequestHistory, share_in_time, share_served
from benchmarks.fastpath.requests import Trace

_LATENCIES = (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))


def against_load(seed: int, loads: Sequence[float], seconds: float) -> Iterator[Figure]:
    """Goodput, waste, attempts, success and latency at each load."""
    for load in loads:
        trace = workloads.steady(seed, load, seconds)
        begin, end = trace.marks["begin"], trace.marks["end"]
        for name, contender in CONTENDERS.items():
            history = run(trace, contender)
            arrived = history.between(begin, end)
            served_s = sorted(story.latency_s for story in arrived if story.served)
            values = {
                figures.GOODPUT: history.goodput(begin, end),
                figures.WASTED: history.wasted(begin, end),
                "attempts a request": sum(story.attempts for story in arrived) / len(arrived),
                "in time": share_in_time(arrived),
            }
            sizes = {size: share_in_time(_of_size(arrived, size)) for size in ("small", "large")}
            ratio = sizes["large"] / sizes["small"] if sizes["small"] else math.nan
            yield Figure(figures.LARGE_STEADY, name, seed, ratio, "x", load)
            for family, value in values.items():
                yield Figure(family, name, seed, value, "x" if family.startswith("attempts") else "share", load)
            for quantile, q in _LATENCIES:
                yield Figure(f"latency {quantile} of what was served", name, seed, _quantile(served_s, q), "s", load)


def _quantile(ascending: Sequence[float], q: float) -> float:
    return ascending[math.floor(q * (len(ascending) - 1))] if ascending else math.inf


def bursts(seed: int, *, after_s: float, improvements: bool) -> Iterator[Figure]:
    """Two minutes at 2.5 times the capacity; on request also for the origin's policy mended line by line."""
    trace = workloads.burst(seed, after_s=after_s)
    contenders = IMPROVEMENTS if improvements else CONTENDERS
    for name, contender in contenders.items():
        yield from _burst(trace, name, run(trace, contender))


def _burst(trace: Trace, name: str, history: History) -> Iterator[Figure]:
    begin, end, last = trace.marks["begin"], trace.marks["end"], trace.marks["last"]
    stories = history.between(begin, last)
    yield Figure(figures.RECOVERY_BURST, name, trace.seed, history.recovery_s(end), "s")
    yield Figure("burst: goodput while it lasts", name, trace.seed, history.goodput(begin, end), "share")
    yield Figure("burst: wasted share, from its beginning on", name, trace.seed, history.wasted(begin, last), "share")
    yield Figure(
        "burst: attempts a request", name, trace.seed, sum(story.attempts for story in stories) / len(stories), "x"
    )
    during = history.between(begin, end)
    by_size = {size: _of_size(during, size) for size in ("small", "large")}
    for size, of_size in by_size.items():
        yield Figure(f"burst: {size} proofs in time", name, trace.seed, share_in_time(of_size), "share")
        yield Figure(f"burst: {size} proofs served", name, trace.seed, share_served(of_size), "share")
    small = share_in_time(by_size["small"])
    ratio = share_in_time(by_size["large"]) / small if small else math.nan
    yield Figure(figures.LARGE, name, trace.seed, ratio, "x")


def _of_size(stories: Sequence[RequestHistory], size: str) -> list[RequestHistory]:
    return [story for story in stories if story.request.size == size]


def losses(seed: int, *, after_s: float) -> Iterator[Figure]:
    """Six of eight provers are away for two minutes."""
    trace = workloads.worker_loss(seed, after_s=after_s)
    begin, end = trace.marks["begin"], trace.marks["end"]
    for name, contender in CONTENDERS.items():
        history = run(trace, contender)
        yield Figure(figures.RECOVERY_LOSS, name, seed, history.recovery_s(end), "s")
        yield Figure(figures.ADAPTATION, name, seed, _adaptation_s(history, begin, end, left=2), "s")
        yield Figure("loss: wasted share while they are away", name, seed, history.wasted(begin, end), "share")


def _adaptation_s(history: History, begin_s: float, end_s: float, left: int) -> float:
    """Seconds from a loss until the provers that are left do useful work for 90 % of the next 30 s."""
    share_left = left / history.trace.provers
    for second in range(math.floor(end_s - begin_s) - 30):
        since_s = begin_s + second
        if history.goodput(since_s, since_s + 30) >= 0.9 * share_left:
            return float(second)
    return math.inf


def refusals(seed: int) -> Iterator[Figure]:
    """Whether those who were refused and come back when they were told to are taken then, and how often that is."""
    trace = workloads.burst(seed)
    history = run_patient(trace)
    accepted = history.returns_accepted / history.returns if history.returns else math.nan
    yield Figure(figures.RETURNS, FASTPATH, seed, accepted, "share")
    yield Figure("refused submissions that came back", FASTPATH, seed, history.returns)
    yield Figure("returned requests served", FASTPATH, seed, _returned_served(history), "share")
    yield from _forecast(seed, history)


def _returned_served(history: History) -> float:
    returned = [story for story in history.requests if story.attempts > 1]
    return sum(story.served for story in returned) / len(returned) if returned else math.nan


def _forecast(seed: int, history: History) -> Iterator[Figure]:
    """The error of the predicted finish at admission, over requests that had a prediction."""
    errors = sorted(
        abs(story.predicted_s - story.served_s) for story in history.requests if story.served and story.predicted_s
    )
    yield Figure("error of the predicted finish, p50", FASTPATH, seed, _quantile(errors, 0.5), "s")
    yield Figure("error of the predicted finish, p99", FASTPATH, seed, _quantile(errors, 0.99), "s")
