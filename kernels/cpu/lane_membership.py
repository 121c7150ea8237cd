"""Subgroup checks in G1 where the curve is larger than the subgroup.

With E the endomorphism of :mod:`kernels.endomorphisms` and e its eigenvalue, T = |e| P is computed and compared with
E(P) or -E(P). Two points share a vector, each product of a step in a lane of its own; from three on every point has
its lane. The formulas are not complete: where T meets P or -P, Z becomes zero and stays so. No point of the subgroup
gets there, as the multiples on the way are below r, and Z = 0 at the end is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from kernels.backend import Array
from kernels.cpu.compilation import U8_OUT, U64, KernelSet, compiled_once, copy_words
from kernels.cpu.lane_called_ring import LaneCalledSpec
from kernels.cpu.lane_element import LaneElement
from kernels.cpu.lane_entry import entering
from kernels.cpu.lane_field import LaneSpec, limb_count
from kernels.cpu.lane_packing import PackedSpec, packed_operation
from kernels.cpu.lane_vectors import LANES, RADIX
from kernels.cpu.operation import operation
from kernels.curves import Curve
from kernels.endomorphisms import membership_endomorphism, signed_digits
from kernels.formulas import weierstrass

PAIRS_PAY_UP_TO = 2
"""Points up to which two a vector are quicker than one a lane."""


@dataclass(frozen=True)
class _Kernels:
    """``(points, n, out)``: one byte for each of n affine points, none infinite; ``two`` takes at most two."""

    two: Callable[[Any, int, Any], None]
    eight: Callable[[Any, int, Any], None]


@compiled_once
def _membership_kernels(curve: Curve, native: bool) -> _Kernels:
    kernels = KernelSet(f"{curve.name}.g1.membership{'' if native else '_emulated'}")
    endomorphism = membership_endomorphism(curve, "g1")
    assert endomorphism is not None  # callers ask only where there is something to check
    packed, lanes, element = PackedSpec(curve, 1, native), LaneCalledSpec(curve, 1, native), LaneSpec(curve.fp, native)
    words, limbs64, limbs = element.words, curve.fp.limbs, limb_count(curve.fp)
    enter = entering(kernels, curve.fp)

    double_two = packed_operation(packed, _double_two, (6,), 6)
    add_two = packed_operation(packed, _add_two, (6, 4), 6)
    negate_two = packed_operation(packed, _negate_two, (4,), 4)
    residue_two = packed_operation(packed, _residue_two, (6, 4), 6)
    double = operation(lanes, weierstrass.double_jacobian, (3,), 3, outline=True)
    add = operation(lanes, weierstrass.add_mixed_jacobian, (3, 2), 3, outline=True)
    residue = operation(lanes, weierstrass.jacobian_residue, (3, 2), 3, outline=True)
    negate = operation(element, _negate_y, (2,), 2)
    multiply = operation(element, weierstrass.product, (1, 1), 1, outline=True)
    canonical = operation(element, _canonical, (1,), 1, outline=True)

    digits = np.array(signed_digits(abs(endomorphism.eigenvalue))[1:], np.int8)
    p, radix = curve.fp.modulus, 1 << (RADIX * limbs)
    beta, mirrored = endomorphism.factors[0][0], endomorphism.eigenvalue < 0
    if endomorphism.factors[1] != (1, 0):
        raise NotImplementedError("an endomorphism of G1 that changes y")

    def splat(value: int) -> Array:
        return np.repeat(
            np.array([(value >> (RADIX * j)) & ((1 << RADIX) - 1) for j in range(limbs)], np.uint64), LANES
        )

    # A lane product loses one radix: x R becomes x R', and x R' beta x R'.
    to_lanes, times_beta, one = (
        splat(radix * radix * curve.fp.R_inverse % p),
        splat(beta * radix % p),
        splat(radix % p),
    )

    @kernels.inner
    def lane_is_zero(values: Any, start: int) -> bool:
        union = np.uint64(0)
        for j in range(limbs):
            union |= values[start + LANES * j]
        return bool(union == 0)

    @kernels.kernel(U64, types.int64, U8_OUT)
    def two(points: Any, n: int, out: Any) -> None:
        given = np.zeros(2 * words, np.uint64)  # x, y, x, y; then the same mirrored
        acc, image = np.zeros(words, np.uint64), np.empty(2 * words, np.uint64)
        for k in range(n):
            for c in range(2):
                enter(given, 2 * k + c, points, (2 * k + c) * limbs64)
        multiply(given, 0, given, 0, to_lanes, 0)
        negate_two(given, 1, given, 0)
        for j in range(limbs):
            for k in range(2):
                for c in range(2):
                    acc[LANES * j + 3 * k + c] = given[LANES * j + 2 * k + c]
                acc[LANES * j + 3 * k + 2] = one[LANES * j]
        for digit in digits:
            double_two(acc, 0, acc, 0)
            if digit != 0:
                add_two(acc, 0, acc, 0, given, 1 if digit < 0 else 0)
        at = 1 if mirrored else 0
        multiply(image, 0, given, at, times_beta, 0)
        for j in range(limbs):
            for k in range(2):
                given[at * words + LANES * j + 2 * k] = image[LANES * j + 2 * k]
        residue_two(acc, 0, acc, 0, given, at)
        canonical(acc, 0, acc, 0)
        for k in range(n):
            out[k] = lane_is_zero(acc, 3 * k) and lane_is_zero(acc, 3 * k + 1) and not lane_is_zero(acc, 3 * k + 2)

    @kernels.kernel(U64, types.int64, U8_OUT)
    def eight(points: Any, n: int, out: Any) -> None:
        given = np.zeros(4 * words, np.uint64)  # x, y; then the same mirrored
        acc = np.zeros(3 * words, np.uint64)
        for first in range(0, n, LANES):
            count = min(LANES, n - first)
            for lane in range(count):
                for c in range(2):
                    enter(given, c * words + lane, points, (2 * (first + lane) + c) * limbs64)
            for c in range(2):
                multiply(given, c, given, c, to_lanes, 0)
            negate(given, 1, given, 0)
            copy_words(acc, 0, given, 0, 2 * words)
            copy_words(acc, 2 * words, one, 0, words)
            for digit in digits:
                double(acc, 0, acc, 0)
                if digit != 0:
                    add(acc, 0, acc, 0, given, 1 if digit < 0 else 0)
            at = 1 if mirrored else 0
            multiply(given, 2 * at, given, 2 * at, times_beta, 0)
            residue(acc, 0, acc, 0, given, at)
            for c in range(3):
                canonical(acc, c, acc, c)
            for lane in range(count):
                out[first + lane] = (
                    lane_is_zero(acc, lane)
                    and lane_is_zero(acc, words + lane)
                    and not lane_is_zero(acc, 2 * words + lane)
                )

    return _Kernels(two, eight)


def in_subgroup(curve: Curve, points: Array, *, native: bool) -> npt.NDArray[np.bool_]:
    """Whether each point of G1's curve, Montgomery form, has order dividing r.

    Parameters
    ----------
    native
        Use the IFMA instructions; otherwise their definition.
    """
    n = len(points)
    inside = np.ones(n, np.uint8)
    if membership_endomorphism(curve, "g1") is None:
        return inside.astype(np.bool_)
    kernels = _membership_kernels(curve, native)
    (kernels.two if n <= PAIRS_PAY_UP_TO else kernels.eight)(points.reshape(-1), n, inside)
    return inside.astype(np.bool_) | ~points.any(axis=(1, 2))


def _double_two(t: tuple[Any, ...]) -> tuple[Any, ...]:
    return *weierstrass.double_jacobian(t[:3]), *weierstrass.double_jacobian(t[3:])


def _add_two(t: tuple[Any, ...], q: tuple[Any, ...]) -> tuple[Any, ...]:
    return *weierstrass.add_mixed_jacobian(t[:3], q[:2]), *weierstrass.add_mixed_jacobian(t[3:], q[2:])


def _residue_two(t: tuple[Any, ...], q: tuple[Any, ...]) -> tuple[Any, ...]:
    return *weierstrass.jacobian_residue(t[:3], q[:2]), *weierstrass.jacobian_residue(t[3:], q[2:])


def _negate_two(q: tuple[Any, ...]) -> tuple[Any, ...]:
    return q[0], -q[1], q[2], -q[3]


def _negate_y(q: tuple[Any, Any]) -> tuple[Any, Any]:
    return q[0], -q[1]


def _canonical(a: LaneElement) -> LaneElement:
    return a.canonical()
