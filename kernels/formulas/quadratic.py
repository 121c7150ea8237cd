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
        """Karatsuba: three products of the base field; elements that can reduce sums of products do that instead."""
        fused = getattr(self.c0, "quadratic_product", None)
        if fused is not None:
            return QuadraticElement(*fused((self.c0, self.c1), (other.c0, other.c1)))
        low = self.c0 * other.c0
        high = self.c1 * other.c1
        cross = (self.c0 + self.c1) * (other.c0 + other.c1)
        return QuadraticElement(low - high, cross - (low + high))

    def short_product(self, other: QuadraticElement) -> QuadraticElement:
        """Product by elements that have products with a shorter reduction."""
        a, b = (self.c0, self.c1), (other.c0, other.c1)
        return QuadraticElement(*self.c0.quadratic_product(a, b, short=True))

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


def add(a: Any, b: Any) -> Any:  # noqa: ANN401 - the operations as functions of a module, to be called by name
    """Sum."""
    return a + b


def subtract(a: Any, b: Any) -> Any:  # noqa: ANN401
    """Difference."""
    return a - b


def multiply(a: Any, b: Any) -> Any:  # noqa: ANN401
    """Product."""
    return a * b


def negate(a: Any) -> Any:  # noqa: ANN401
    """Negative."""
    return -a


def square(a: Any) -> Any:  # noqa: ANN401
    """Square."""
    return a.square()


def double(a: Any) -> Any:  # noqa: ANN401
    """Twice the element."""
    return a.double()


def conjugate(a: Any) -> Any:  # noqa: ANN401
    """Return the p-th power."""
    return a.conjugate()


def scale(a: Any, b: Any) -> Any:  # noqa: ANN401
    """Product by the first coordinate of ``b``."""
    return a.scale(b.c0)


def times_one_plus_u(a: Any) -> Any:  # noqa: ANN401
    """Product by BLS12-381's xi = 1 + u."""
    return QuadraticElement(a.c0 - a.c1, a.c0 + a.c1)


def times_nine_plus_u(a: Any) -> Any:  # noqa: ANN401
    """Product by BN254's xi = 9 + u."""
    nine = a.double().double().double() + a
    return QuadraticElement(nine.c0 - a.c1, nine.c1 + a.c0)
