"""Complete additions of points in lanes, as calls of products: little code, for what a multiplication seldom does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kernels.backend import Array
from kernels.cpu.lane_called_ring import LaneCalledSpec
from kernels.cpu.lane_pairing import lane_constants
from kernels.cpu.operation import operation
from kernels.cpu.points import ring_spec
from kernels.curves import Curve, Group
from kernels.formulas import weierstrass


@dataclass(frozen=True)
class CompleteAdditions:
    """Intrinsics over eight points in homogeneous coordinates, infinity (0, y, 0).

    Attributes
    ----------
    three_b
        Their last operand, with index 0.
    double
        ``(out, i, point, j, three_b, 0)``: twice any point.
    add
        ``(out, i, point, j, other, k, three_b, 0)``: the sum of any two.
    add_mixed
        ``(out, i, point, j, other, k, three_b, 0)``: of any point and an affine one, which must not be infinity.
    """

    spec: LaneCalledSpec
    three_b: Array
    double: Any
    add: Any
    add_mixed: Any


@functools.cache
def complete_additions(curve: Curve, group: Group, native: bool) -> CompleteAdditions:
    """Make the intrinsics of a group."""
    spec = LaneCalledSpec(curve, ring_spec(curve, group).degree, native)

    def times_b3(b3: Any) -> Callable[[Any], Any]:
        if group == "g1":
            return lambda a: weierstrass.times_small(a, 3 * curve.b)
        if curve.twist == "M":
            return lambda a: weierstrass.times_small(a.times_xi(), 3 * curve.b)
        return lambda a: a * b3

    def double(point: Any, b3: Any) -> Any:
        return weierstrass.double_complete(point, times_b3(b3))

    def add(point: Any, other: Any, b3: Any) -> Any:
        return weierstrass.add_complete(point, other, times_b3(b3))

    def add_mixed(point: Any, other: Any, b3: Any) -> Any:
        return weierstrass.add_complete_mixed(point, other, times_b3(b3))

    return CompleteAdditions(
        spec=spec,
        three_b=lane_constants(
            curve.fp, [(3 * curve.b, 0) if group == "g1" else (3 * curve.g2_b[0], 3 * curve.g2_b[1])]
        ),
        double=operation(spec, double, (3, 1), 3),
        add=operation(spec, add, (3, 3, 1), 3),
        add_mixed=operation(spec, add_mixed, (3, 2, 1), 3),
    )
