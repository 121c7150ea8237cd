"""Quantiles of a stream with a bounded relative error.

A value x > 0 falls into bin i = ceil(log(x) / log(gamma)), which covers (gamma^(i-1), gamma^i], and is answered as
2 gamma^i / (gamma + 1). With gamma = (1 + a) / (1 - a) the answer is off by at most the factor 1 +- a. Sketches of
equal accuracy are merged by adding their bins, exactly.

References
----------
Masson, Rim, Lee: DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees. VLDB 2019.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from fastpath.errors import BadRequest

SMALLEST: Final = 1e-9
"""Values below are answered as 0."""
LARGEST: Final = 1e12
"""Values above share the last bin: with the lower bound this bounds the memory, to 2,400 bins at 1 %."""


class QuantileSketch:
    """A relative-error sketch of non-negative values.

    ``quantile(q)`` differs from the exact lower quantile by at most ``accuracy`` times its value, for values between
    :data:`SMALLEST` and :data:`LARGEST`. Adding is O(1), a quantile O(bins log bins).

    Parameters
    ----------
    accuracy
        Relative error, in (0, 1).
    """

    __slots__ = ("_bins", "_log_gamma", "accuracy", "count", "maximum", "minimum", "total", "zeros")

    def __init__(self, accuracy: float = 0.01) -> None:
        if not 0 < accuracy < 1:
            raise BadRequest(f"accuracy is {accuracy!r}; it must lie between 0 and 1")
        self.accuracy = accuracy
        self.count = 0
        self.zeros = 0
        self.total = 0.0
        self.minimum = math.inf
        self.maximum = 0.0
        self._bins: dict[int, int] = {}
        self._log_gamma = math.log((1 + accuracy) / (1 - accuracy))

    def add(self, value: float) -> None:
        """Add one value.

        Raises
        ------
        BadRequest
            If it is negative or not finite.
        """
        if not 0 <= value < math.inf:
            raise BadRequest(f"cannot add {value!r} to a sketch; values are finite and not negative")
        self.count += 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        if value < SMALLEST:
            self.zeros += 1
        else:
            index = math.ceil(math.log(min(value, LARGEST)) / self._log_gamma)
            self._bins[index] = self._bins.get(index, 0) + 1

    def quantile(self, q: float) -> float:
        """Return the value of rank floor(q (count - 1)), counted from 0; 0 for an empty sketch."""
        return self.quantiles(q)[0]

    def quantiles(self, *qs: float) -> tuple[float, ...]:
        """Return several quantiles in one pass. ``qs`` must not decrease.

        Raises
        ------
        BadRequest
            If a q lies outside [0, 1], or they decrease.
        """
        if not all(0 <= q <= 1 for q in qs) or sorted(qs) != list(qs):
            raise BadRequest(f"quantiles {qs} must lie between 0 and 1 and not decrease")
        if not self.count:
            return (0.0,) * len(qs)
        answers: list[float] = []
        bins = iter(sorted(self._bins.items()))
        seen, value = self.zeros, 0.0
        for q in qs:
            rank = math.floor(q * (self.count - 1))
            while seen <= rank:
                index, number = next(bins)
                seen += number
                value = self._value(index)
            answers.append(value)
        return tuple(answers)

    def _value(self, index: int) -> float:
        # gamma^i 2 / (gamma + 1) = gamma^i (1 - a); clamping to what was seen never increases the error.
        middle = math.exp(index * self._log_gamma) * (1 - self.accuracy)
        return min(max(middle, self.minimum), self.maximum)

    def merge(self, other: QuantileSketch) -> None:
        """Add all values of ``other``.

        Raises
        ------
        BadRequest
            If the accuracies differ.
        """
        if other.accuracy != self.accuracy:
            raise BadRequest(f"cannot merge sketches of accuracy {self.accuracy} and {other.accuracy}")
        self.count += other.count
        self.zeros += other.zeros
        self.total += other.total
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        for index, number in other._bins.items():
            self._bins[index] = self._bins.get(index, 0) + number

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form for :meth:`from_dict`."""
        return {
            "accuracy": self.accuracy,
            "zeros": self.zeros,
            "total": self.total,
            "minimum": self.minimum if self.count else None,
            "maximum": self.maximum,
            "bins": sorted(self._bins.items()),
        }

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> QuantileSketch:
        """Restore a sketch.

        Raises
        ------
        BadRequest
            If ``form`` did not come from :meth:`to_dict`.
        """
        try:
            sketch = cls(float(form["accuracy"]))
            sketch.zeros = int(form["zeros"])
            sketch.total = float(form["total"])
            sketch.minimum = math.inf if form["minimum"] is None else float(form["minimum"])
            sketch.maximum = float(form["maximum"])
            sketch._bins = {int(index): int(number) for index, number in form["bins"]}
        except (KeyError, TypeError, ValueError) as error:
            raise BadRequest(f"this is not a serialised sketch: {error}") from error
        numbers = sketch._bins.values()
        if sketch.zeros < 0 or any(number <= 0 for number in numbers):
            raise BadRequest("this is not a serialised sketch: it counts a negative number of values")
        sketch.count = sketch.zeros + sum(numbers)
        return sketch
