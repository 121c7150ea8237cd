"""Figures of the laboratory, and the bars they have to reach."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

FASTPATH = "fastpath"
ORIGIN = "origin"


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of one run.

    Attributes
    ----------
    family
        What is measured.
    policy
        Whose it is.
    x
        Where it was measured, such as the offered load; ``None`` where there is only one place.
    """

    family: str
    policy: str
    seed: int
    value: float
    unit: str = ""
    x: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """A figure over its seeds: the middle and both ends."""

    family: str
    policy: str
    x: float | None
    unit: str
    median: float
    least: float
    most: float
    seeds: int


def summaries(figures: Iterable[Figure]) -> list[Summary]:
    """Summarise figures over their seeds, in the order in which they first appear."""
    found: dict[tuple[str, str, float | None, str], list[float]] = {}
    for figure in figures:
        found.setdefault((figure.family, figure.policy, figure.x, figure.unit), []).append(figure.value)
    return [
        Summary(family, policy, x, unit, _median(values), min(values), max(values), len(values))
        for (family, policy, x, unit), values in found.items()
    ]


def _median(values: Sequence[float]) -> float:
    """The median that stays infinite with its values."""
    return statistics.median_low(values)


def by_family(entries: Iterable[Summary]) -> list[tuple[str, list[Summary]]]:
    """Group summaries by family."""
    ordered = list(entries)
    order = {name: number for number, name in enumerate(dict.fromkeys(entry.family for entry in ordered))}
    ordered.sort(key=lambda entry: order[entry.family])
    return [(family, list(members)) for family, members in groupby(ordered, key=lambda entry: entry.family)]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bound that a figure holds for every seed."""

    family: str
    bound: float
    at_least: bool
    policy: str = FASTPATH
    x: float | None = None

    def worst(self, figures: Iterable[Figure]) -> float | None:
        """Return the value farthest on the wrong side over all seeds; ``None`` where nothing was measured."""
        values = [
            figure.value
            for figure in figures
            if (figure.family, figure.policy) == (self.family, self.policy) and self.x in {None, figure.x}
        ]
        if not values or any(math.isnan(value) for value in values):
            return None
        return min(values) if self.at_least else max(values)

    def reached(self, figures: Iterable[Figure]) -> bool:
        """Whether it was measured and holds."""
        worst = self.worst(figures)
        return worst is not None and (worst >= self.bound if self.at_least else worst <= self.bound)

    def __str__(self) -> str:
        where = "" if self.x is None else f" at {self.x:g}"
        return f"{self.family}{where} of {self.policy}: {'at least' if self.at_least else 'at most'} {self.bound:g}"


RECOVERY_BURST = "recovery after a burst"
RECOVERY_LOSS = "recovery after the return of six provers"
ADAPTATION = "adaptation to the loss of six provers"
WASTED = "wasted share"
GOODPUT = "goodput"
CHARGED = "charged attempts a job under faults"
QUIET = "quiet tenant in time"
LARGE = "large proofs in time against small ones"
RETURNS = "returns at the promised time accepted"
RECALL = "recall of the 10 hottest keys"
QUANTILE_ERROR = "quantile error"
LARGE_STEADY = "large proofs in time against small ones, at one load"
AGAINST_WITHOUT = "with conflict batches against without"
AGAINST_OTHERS = "conflict batches against the best other with right results"
OF_ALLOWED = "of what the conflicts allow"
SERIAL = "results equal serial execution"
REFUSAL_P99 = "refusal p99 of the actor"


def _swaps(name: str) -> tuple[Bar, ...]:
    return (
        Bar(f"{name}: {AGAINST_WITHOUT}", 1.3, at_least=True),
        Bar(f"{name}: {OF_ALLOWED}", 0.9, at_least=True),
        Bar(SERIAL, 1.0, at_least=True),
    )


BARS: Final[dict[str, tuple[Bar, ...]]] = {
    "load": (
        Bar(WASTED, 0.05, at_least=False, x=2.5),
        Bar(GOODPUT, 0.95, at_least=True, x=4.0),
        Bar(LARGE_STEADY, 0.9, at_least=True, x=2.5),
        Bar(LARGE_STEADY, 0.9, at_least=True, x=4.0),
    ),
    "burst": (Bar(RECOVERY_BURST, 30.0, at_least=False), Bar(LARGE, 0.9, at_least=True)),
    "loss": (Bar(RECOVERY_LOSS, 30.0, at_least=False), Bar(ADAPTATION, 30.0, at_least=False)),
    "refusals": (Bar(RETURNS, 0.95, at_least=True),),
    "noisy neighbour": (Bar(QUIET, 0.99, at_least=True),),
    "faults": (Bar(CHARGED, 1.1, at_least=False),),
    "hot keys": (Bar(RECALL, 0.95, at_least=True),),
    "quantiles": (Bar(QUANTILE_ERROR, 0.01, at_least=False),),
    "DeFi swaps, 1,000 pools": _swaps("DeFi swaps, 1,000 pools"),
    "DeFi swaps, 20 pools": _swaps("DeFi swaps, 20 pools"),
    # Where no pool alone is the limit, the same gain over a policy that knows the conflicts and never reorders.
    "DeFi swaps": (*_swaps("DeFi swaps"), Bar(f"DeFi swaps: {AGAINST_OTHERS}", 1.3, at_least=True)),
}
"""What the control plane promises on every seed, by the experiment that shows it."""

ORIGIN_FAILS: Final[dict[str, tuple[Bar, ...]]] = {
    "load": (Bar(WASTED, 0.75, at_least=True, policy=ORIGIN, x=2.5),),
    "burst": (Bar(RECOVERY_BURST, math.inf, at_least=True, policy=ORIGIN),),
    "loss": (Bar(RECOVERY_LOSS, math.inf, at_least=True, policy=ORIGIN),),
}
"""What shows that the traces are as hard as they have to be: the origin's policy fails on them."""

ALL_BARS: Final = tuple(
    dict.fromkeys(bar for experiment, bars in BARS.items() for bar in (*bars, *ORIGIN_FAILS.get(experiment, ())))
)
