"""The quadratic extension Fp2 = Fp[u] / (u^2 + 1), over any representation of Fp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class QuadraticElement:
    """c0 + c1 u with u^2 = -1; the coordinates are elements of any ring with ``+ - *``."""

    c0: Any
    c1: Any

    def __add__(self, other: QuadraticElement) -> QuadraticElement:
        return QuadraticElement(self.c0 + other.c0, self.c1 + other.c1)

    def __sub__(self, other: QuadraticElement) -> QuadraticElement:
        return QuadraticElement(self.c0 - other.c0, self.c1 - other.c1)

    def __neg__(self) -> QuadraticElement:
        return QuadraticElement(-self.c0, -self.c1)

    def __mul__(self, other: QuadraticElement) -> QuadraticElement:
        """Karatsuba: three products of the base field."""
        low = self.c0 * other.c0
        high = self.c1 * other.c1
        cross = (self.c0 + self.c1) * (other.c0 + other.c1)
        return QuadraticElement(low - high, cross - (low + high))

    def square(self) -> QuadraticElement:
        """Complex squaring: two products of the base field."""
        return QuadraticElement((self.c0 + self.c1) * (self.c0 - self.c1), (self.c0 * self.c1).double())

    def double(self) -> QuadraticElement:
        """Twice the element."""
        return QuadraticElement(self.c0.double(), self.c1.double())

    def conjugate(self) -> QuadraticElement:
        """c0 - c1 u, which is also the p-th power."""
        return QuadraticElement(self.c0, -self.c1)

    def scale(self, factor: Any) -> QuadraticElement:  # noqa: ANN401 - an element of whatever ring
        """Multiply by an element of the base field."""
        return QuadraticElement(self.c0 * factor, self.c1 * factor)
