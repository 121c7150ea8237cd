"""Operations on points in lanes: what a multi-scalar multiplication does to eight pairs of points at a time."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Literal

from llvmlite import ir

from kernels.cpu.affine_cases import add_any, any_difference, is_infinity
from kernels.cpu.lane_field import LaneField, limb_count
from kernels.cpu.lane_rows import RowLayout
from kernels.cpu.lane_vectors import LANES
from kernels.cpu.operation import QuadraticRing, operation
from kernels.curves import Curve, Group
from kernels.formulas import weierstrass


@dataclass(frozen=True)
class LanePointSpec:
    """Coordinates of eight points of a group, in Fp or Fp2; see :class:`kernels.cpu.operation.Spec`."""

    curve: Curve
    degree: Literal[1, 2]
    native: bool

    @property
    def name(self) -> str:
        """Part of the symbols of its operations."""
        return f"{self.curve.fp.name}.{self.degree}.lanes{'' if self.native else '.emulated'}"

    @property
    def words(self) -> int:
        """64-bit words of eight coordinates."""
        return self.degree * limb_count(self.curve.fp) * LANES

    def emit(self, builder: ir.IRBuilder) -> Any:
        """Bind the ring to a builder."""
        base = LaneField(self.curve.fp, builder, native=self.native)
        return base if self.degree == 1 else QuadraticRing(base)


@dataclass(frozen=True)
class LanePoints:
    """Intrinsics over lane arrays. A point is two coordinates, a projective point three.

    Attributes
    ----------
    any_difference
        ``(denominator, i, pair, j)``: of the slope of any pair ((x1, y1), (x2, y2)): of equal or opposite points, or
        infinity as well.
    add_any
        ``(sum, i, pair, j, inverse, k)``: the sum of any pair, with the denominator's inverse.
    unless_infinity
        ``(out, h, old, i, affine, j, new, k)``: projective points ``new``, but ``old`` where ``affine`` is infinity.
    multiply
        ``(out, i, a, j, b, k)``: product of coordinates.
    """

    spec: LanePointSpec
    layout: RowLayout
    gather_x: Any
    gather_y: Any
    scatter: Any
    any_difference: Any
    add_any: Any
    unless_infinity: Any
    multiply: Any


@functools.cache
def lane_points(curve: Curve, group: Group, native: bool) -> LanePoints:
    """Make the intrinsics of a group."""
    spec = LanePointSpec(curve, 1 if group == "g1" else 2, native)
    layout = RowLayout(spec, curve.fp.limbs, spec.degree)

    return LanePoints(
        spec=spec,
        layout=layout,
        gather_x=layout.gather(y=False),
        gather_y=layout.gather(y=True),
        scatter=layout.scatter(),
        any_difference=operation(spec, any_difference, (4,), 1, with_ring=True, outline=True),
        add_any=operation(spec, add_any, (4, 1), 2, with_ring=True, outline=True),
        unless_infinity=operation(spec, _unless_infinity, (3, 2, 3), 3, with_ring=True),
        multiply=operation(spec, weierstrass.product, (1, 1), 1, outline=True),
    )


def _unless_infinity(ring: Any, old: tuple[Any, ...], affine: tuple[Any, Any], new: tuple[Any, ...]) -> tuple[Any, ...]:
    infinite = is_infinity(ring, affine)
    return tuple(ring.select(infinite, a, b) for a, b in zip(old, new, strict=True))
