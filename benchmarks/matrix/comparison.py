"""A run beside the last recorded one: paired ratios, and what of them is a regression."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.matrix.series import Kind, Series, half_range

LEAST_THROUGHPUT: Final = 0.95
MOST_P99: Final = 1.10


class Verdict(StrEnum):
    """What a ratio says."""

    REGRESSION = "regression"
    """Beyond the bound by more than the spread."""
    SUSPECT = "suspect"
    """Beyond the bound, but within the spread of it: measure again, with more rounds."""
    STEADY = "steady"
    BETTER = "better"
    """As far on the good side as a regression is on the bad one, by more than the spread."""
    RIGHT = "right"
    WRONG = "wrong"
    """A figure that must be exact is not, in some round."""
    NONE = ""
    """Not judged."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A series beside the recorded one.

    Attributes
    ----------
    ratio, spread
        Median, and half the interquartile range, of now over then, round by round, each in units of its machine;
        ``None`` without a recorded series.
    """

    series: Series
    recorded: Series | None
    ratio: float | None
    spread: float
    verdict: Verdict


def compare(now: Sequence[Series], recorded: Sequence[Series]) -> list[Comparison]:
    """Compare every series with the recorded one of its name."""
    before = {series.name: series for series in recorded}
    return [_compare(series, before.get(series.name)) for series in now]


def _compare(now: Series, before: Series | None) -> Comparison:
    if now.kind is Kind.EXACT:
        wrong = any(value != 1 for value in now.values)
        return Comparison(now, before, None, 0.0, Verdict.WRONG if wrong else Verdict.RIGHT)
    if before is None or before.kind is not now.kind or not all(before.normalised):
        return Comparison(now, None, None, 0.0, Verdict.NONE)
    ratios = [new / old for new, old in zip(now.normalised, before.normalised, strict=False)]
    ratio, spread = statistics.median(ratios), half_range(ratios)
    return Comparison(now, before, ratio, spread, _verdict(now.kind, ratio, spread))


def _verdict(kind: Kind, ratio: float, spread: float) -> Verdict:
    if kind is Kind.THROUGHPUT:
        return _judge(-ratio, spread, -LEAST_THROUGHPUT, -1 / LEAST_THROUGHPUT)
    if kind is Kind.P99:
        return _judge(ratio, spread, MOST_P99, 1 / MOST_P99)
    return Verdict.NONE


def _judge(worse: float, spread: float, worst: float, best: float) -> Verdict:
    """Judge a figure that is the worse the larger it is."""
    if worse - spread > worst:
        return Verdict.REGRESSION
    if worse > worst:
        return Verdict.SUSPECT
    return Verdict.BETTER if worse + spread < best else Verdict.STEADY
