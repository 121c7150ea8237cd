"""Validation of points from outside: on the curve, in the subgroup."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numba import types

from kernels.cpu.compilation import U8_OUT, U64, KernelSet, compiled_once
from kernels.cpu.operation import operation, predicate
from kernels.cpu.points import point_functions, ring_spec
from kernels.curves import Curve, Group
from kernels.encoding import limbs_from_ints, montgomery_from_ints
from kernels.endomorphisms import membership_endomorphism, signed_digits
from kernels.formulas import miller, weierstrass

PointCheck: TypeAlias = Callable[[Any, int, Any], None]
"""``check(points, n, out)``: over ``n`` affine points, writes one byte a point."""


@compiled_once
def on_curve_check(curve: Curve, group: Group) -> PointCheck:
    """Compile, or load, the check that coordinates are below p and points on the curve."""
    kernels = KernelSet(f"{curve.name}.{group}.checks")
    spec = ring_spec(curve, group)
    b = curve.b if group == "g1" else curve.g2_b
    residue_is_zero = predicate(
        spec, lambda ring, p: ring.is_zero(weierstrass.curve_residue(p, ring.constant(b))), (2,)
    )
    limbs, coordinates = curve.fp.limbs, 2 * spec.degree
    modulus = limbs_from_ints([curve.fp.modulus], limbs)[0]

    @kernels.inner
    def below_modulus(values: Any, start: int) -> bool:
        for k in range(limbs - 1, -1, -1):
            if values[start + k] != modulus[k]:
                return bool(values[start + k] < modulus[k])
        return False

    @kernels.kernel(U64, types.int64, U8_OUT)
    def on_curve(values: Any, n: int, out: Any) -> None:
        for k in range(n):
            start = k * coordinates * limbs
            valid, infinity = True, True
            for c in range(coordinates):
                valid = valid and below_modulus(values, start + c * limbs)
            for w in range(coordinates * limbs):
                infinity = infinity and values[start + w] == 0
            out[k] = infinity or (valid and residue_is_zero(values, k))

    return on_curve


@compiled_once
def subgroup_check(curve: Curve, group: Group) -> PointCheck:
    """Compile, or load, the check that the order of points on the curve divides r."""
    kernels = KernelSet(f"{curve.name}.{group}.checks")
    endomorphism = membership_endomorphism(curve, group)
    if endomorphism is None:
        return _accept_all
    spec = ring_spec(curve, group)
    points = point_functions(curve, group)
    apply = operation(spec, _multiply_x if group == "g1" else miller.twisted_frobenius, (2, 2), 2, outline=True)
    coordinates = [c for factor in endomorphism.factors for c in factor[: spec.degree]]
    factors = montgomery_from_ints(curve.fp, coordinates).reshape(-1)
    # |eigenvalue| P in signed digits, then E(P) added or subtracted: infinity is left of a point of the subgroup.
    digits = np.array(signed_digits(abs(endomorphism.eigenvalue)), np.int8)
    subtract = endomorphism.eigenvalue > 0
    words = spec.words
    add_mixed, double, clear, scratch_words = points.add_mixed, points.double, points.clear, points.scratch_words

    @kernels.kernel(U64, types.int64, U8_OUT)
    def in_subgroup(values: Any, n: int, out: Any) -> None:
        acc = np.empty(4 * words, np.uint64)
        scratch = np.empty(scratch_words, np.uint64)
        image = np.empty(2 * words, np.uint64)
        for k in range(n):
            clear(acc, 0)
            for digit in digits:
                double(acc, 0)
                if digit:
                    add_mixed(acc, 0, values, k, digit < 0, scratch)
            apply(image, 0, values, k, factors, 0)
            add_mixed(acc, 0, image, 0, subtract, scratch)
            infinity = True
            for w in range(2 * words, 3 * words):
                infinity = infinity and acc[w] == 0
            out[k] = infinity

    return in_subgroup


def _accept_all(_values: Any, n: int, out: Any) -> None:
    out[:n] = 1


def _multiply_x(point: tuple[Any, Any], factors: tuple[Any, Any]) -> tuple[Any, Any]:
    return point[0] * factors[0], point[1]
