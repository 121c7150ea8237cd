"""Paired timing: the contenders of a case take turns in one process, so that a busy machine slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

OURS = "fastpath-prover"

LEAST_ROUNDS = 3

Contender: TypeAlias = Callable[[], float]
"""Does the case's work and returns the seconds of one operation."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one operation.

    Attributes
    ----------
    spread_s
        Half the interquartile range.
    """

    median_s: float
    spread_s: float
    rounds: int

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        """Summarise the rounds of one contender."""
        low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
        return cls(median, (high - low) / 2, len(seconds))


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    Attributes
    ----------
    family
        What cases of different size have in common: a plot, or a heading of the report.
    size
        Points, pairs, constraints or proofs.
    contenders
        By name; :data:`OURS` leads the name of each of this project's.
    phases
        Filled by our contender where it has phases: name to the seconds of each round.
    """

    family: str
    size: int
    contenders: Mapping[str, Contender]
    phases: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came of a case; ``phases`` are medians in seconds."""

    family: str
    size: int
    timings: dict[str, Timing]
    phases: dict[str, float] = field(default_factory=dict)

    def ratio(self, ours: str, peer: str) -> float:
        """The peer's median over ours."""
        return self.timings[peer].median_s / self.timings[ours].median_s


def timed(work: Callable[[], object], operations: int = 1) -> Contender:
    """A contender that does ``operations`` operations in one call of ``work``."""

    def run() -> float:
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) / operations

    return run


def measure(case: Case, repeat: int, case_s: float) -> Result:
    """Run every contender once unmeasured, then all by turns."""
    for run in case.contenders.values():
        run()
    for seconds_of_phase in case.phases.values():
        seconds_of_phase.clear()
    seconds: dict[str, list[float]] = {name: [] for name in case.contenders}
    started = time.perf_counter()
    for completed in range(repeat):
        if completed >= LEAST_ROUNDS and time.perf_counter() - started > case_s:
            break
        for name, run in case.contenders.items():
            seconds[name].append(run())
    return Result(
        case.family,
        case.size,
        {name: Timing.of(rounds) for name, rounds in seconds.items()},
        {name: statistics.median(rounds) for name, rounds in case.phases.items()},
    )
