"""What is measured: a series of rounds, each beside a reference that tells how fast the machine was then."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_BLOCK: Final = bytes(1 << 20)
_BLOCKS: Final = 32
_STEPS: Final = 300_000


class Kind(StrEnum):
    """What a series is, and so when a change of it is a regression."""

    THROUGHPUT = "throughput"
    """Operations a second: 5 % less is a regression."""
    P99 = "p99"
    """A 99th percentile of a latency: 10 % more is a regression."""
    FIGURE = "figure"
    """Anything else: shown, not judged."""
    EXACT = "exact"
    """What must be as it is whatever the machine, such as a share of proofs that verify: shown, and 1 is right."""


@dataclass(frozen=True, slots=True)
class Value:
    """One figure of one round."""

    name: str
    value: float
    unit: str
    kind: Kind = Kind.FIGURE


@dataclass(slots=True)
class Series:
    """A figure over the rounds of a run.

    Attributes
    ----------
    values, reference_s
        By round: the figure, and the seconds of :func:`reference_s` just before it was measured.
    """

    name: str
    unit: str
    kind: Kind
    values: list[float] = field(default_factory=list)
    reference_s: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Half the interquartile range of the rounds."""
        return half_range(self.values)

    @property
    def normalised(self) -> list[float]:
        """The rounds in units of the machine: a machine that is slow, or busy, slows its reference as well."""
        pairs = zip(self.values, self.reference_s, strict=True)
        if self.kind is Kind.THROUGHPUT:
            return [value * reference for value, reference in pairs]
        return [value / reference for value, reference in pairs]


def half_range(values: list[float]) -> float:
    """Half the interquartile range; 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2


def reference_s() -> float:
    """Return the seconds of fixed work of two kinds, hashing and interpreted code, on one thread."""
    began = time.perf_counter()
    digest = hashlib.sha256()
    for _ in range(_BLOCKS):
        digest.update(_BLOCK)
    total = 0
    for step in range(_STEPS):
        total += step & 7
    return time.perf_counter() - began


def collect(
    tests: dict[str, Callable[[int], list[Value]]], rounds: int, on_test: Callable[[str, int, float], None]
) -> list[Series]:
    """Run every test once unmeasured, then all by turns.

    Parameters
    ----------
    tests
        By name; each is called with the number of the round (-1 for the unmeasured one).
    on_test
        Told of each test that has ended, its round, and its seconds.
    """
    series: dict[str, Series] = {}
    for number in range(-1, rounds):
        for name, test in tests.items():
            reference = reference_s()
            began = time.perf_counter()
            values = test(number)
            on_test(name, number, time.perf_counter() - began)
            if number < 0:
                continue
            for value in values:
                one = series.setdefault(value.name, Series(value.name, value.unit, value.kind))
                one.values.append(value.value)
                one.reference_s.append(reference)
    return list(series.values())
