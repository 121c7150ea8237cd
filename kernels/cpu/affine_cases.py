"""Affine addition of any two points, without a branch: equal, opposite, infinity on either side.

Over any ring of :mod:`kernels.cpu.operation`, one lane or eight. Infinity is exactly zero in memory.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from kernels.formulas import weierstrass

Pair = tuple[Any, Any, Any, Any]
"""x1, y1, x2, y2."""


def is_infinity(ring: Any, point: tuple[Any, Any]) -> ir.Value:
    """Bit or mask."""
    return ring.builder.and_(ring.is_exactly_zero(point[0]), ring.is_exactly_zero(point[1]))


def any_difference(ring: Any, pair: Pair) -> Any:
    """Denominator of the slope: x2 - x1, or 2 y for equal points, or one where the sum needs none."""
    x1, y1, x2, y2 = pair
    same_x, same_y = ring.is_zero(x2 - x1), ring.is_zero(y2 - y1)
    infinite = ring.builder.or_(is_infinity(ring, pair[:2]), is_infinity(ring, pair[2:]))
    vertical = ring.select(same_y, y1.double(), ring.one())
    return ring.select(infinite, ring.one(), ring.select(same_x, vertical, x2 - x1))


def add_any(ring: Any, pair: Pair, inverse: Any) -> tuple[Any, Any]:
    """Sum of any two affine points, with the inverse of :func:`any_difference`."""
    x1, y1, x2, y2 = pair
    b = ring.builder
    same_x, same_y = ring.is_zero(x2 - x1), ring.is_zero(y2 - y1)
    first, second = is_infinity(ring, pair[:2]), is_infinity(ring, pair[2:])
    square = x1.square()
    slope = ring.select(same_x, square.double() + square, y2 - y1) * inverse
    total = weierstrass.chord((x1, y1), x2, slope)
    opposite = b.and_(same_x, b.not_(same_y))
    result = []
    for value, a, c in zip(total, pair[:2], pair[2:], strict=True):
        value = ring.select(opposite, ring.zero(), value)  # noqa: PLW2901 - narrowed case by case
        value = ring.select(second, a, value)  # noqa: PLW2901
        result.append(ring.select(first, c, value))
    return result[0], result[1]
