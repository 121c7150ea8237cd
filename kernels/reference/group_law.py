"""The group law in affine coordinates: chord and tangent. Infinity is ``None``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kernels.backend import Array, poll
from kernels.curves import Curve, Group
from kernels.encoding import points_from_ints, points_to_ints
from kernels.formulas.weierstrass import curve_residue
from kernels.reference.field_elements import Fp2Element, FpElement

Coordinate = Any  # an FpElement in G1, an Fp2Element in G2
Point = tuple[Coordinate, Coordinate] | None


def coordinate(curve: Curve, group: Group, value: Any) -> Coordinate:  # noqa: ANN401 - int or pair, by the group
    """Field element of an integer (G1) or a pair of them (G2)."""
    return FpElement(value, curve.fp.modulus) if group == "g1" else Fp2Element(value[0], value[1], curve)


def decode(curve: Curve, group: Group, array: Array) -> list[Point]:
    """Read affine points."""

    def point(pair: Any) -> Point:  # noqa: ANN401 - likewise
        return None if pair is None else (coordinate(curve, group, pair[0]), coordinate(curve, group, pair[1]))

    return [point(pair) for pair in points_to_ints(curve, group, array)]


def encode(curve: Curve, group: Group, points: Sequence[Point]) -> Array:
    """Write affine points."""

    def integers(element: Coordinate) -> Any:  # noqa: ANN401 - likewise
        return element.value if group == "g1" else (element.c0, element.c1)

    pairs = [None if point is None else (integers(point[0]), integers(point[1])) for point in points]
    return points_from_ints(curve, group, pairs)


def is_on_curve(curve: Curve, group: Group, point: Point) -> bool:
    """Whether y^2 = x^3 + b; infinity is."""
    if point is None:
        return True
    b = coordinate(curve, group, curve.b if group == "g1" else curve.g2_b)
    return bool(curve_residue(point, b) == coordinate(curve, group, 0 if group == "g1" else (0, 0)))


def add(left: Point, right: Point) -> Point:
    """Sum of two points."""
    if left is None or right is None:
        return right if left is None else left
    (x1, y1), (x2, y2) = left, right
    if x1 == x2:
        if y1 == -y2:
            return None
        square = x1.square()
        slope = (square + square.double()) * y1.double().inverse()
    else:
        slope = (y2 - y1) * (x2 - x1).inverse()
    x3 = slope.square() - x1 - x2
    return x3, slope * (x1 - x3) - y1


def multiply(point: Point, scalar: int) -> Point:
    """Multiple by a scalar that is not negative."""
    return multiply_and_add([point], [scalar], None)


def multiply_and_add(points: Sequence[Point], scalars: Sequence[int], should_stop: Callable[[], bool] | None) -> Point:
    """Sum of scalars[i] * points[i], by double-and-add with shared doublings."""
    total: Point = None
    for bit in reversed(range(max((scalar.bit_length() for scalar in scalars), default=0))):
        poll(should_stop)
        total = add(total, total)
        for point, scalar in zip(points, scalars, strict=True):
            if scalar >> bit & 1:
                total = add(total, point)
    return total


def multiples(point: Point, scalars: Sequence[int]) -> list[Point]:
    """Multiples of one point: sums of its doublings, which all of them share."""
    doublings = [point]
    while len(doublings) < max((scalar.bit_length() for scalar in scalars), default=0):
        doublings.append(add(doublings[-1], doublings[-1]))

    def multiple(scalar: int) -> Point:
        total: Point = None
        for bit, doubling in enumerate(doublings):
            if scalar >> bit & 1:
                total = add(total, doubling)
        return total

    return [multiple(scalar) for scalar in scalars]
