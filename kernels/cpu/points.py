"""Points of one group in memory: exact addition in XYZZ coordinates, normalisation.

Layout, in elements of the group's field (Fp for G1, Fp2 for G2): an affine point is (x, y), all zero for infinity;
an XYZZ point is (X, Y, ZZ, ZZZ), ZZ = 0 for infinity. Indices count points. Every function treats all cases:
infinity on either side, equal points, opposite points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.cpu.called_ring import CalledSpec
from kernels.cpu.compilation import KernelSet, compiled_once, copy_words
from kernels.cpu.inversion import inversion
from kernels.cpu.operation import RingSpec, operation, predicate
from kernels.curves import Curve, Group
from kernels.formulas import weierstrass


@dataclass(frozen=True)
class PointFunctions:
    """Numba functions over flat ``uint64`` arrays; ``scratch`` is an array of :attr:`scratch_words` words.

    Attributes
    ----------
    add_mixed
        ``(acc, i, points, j, negate, scratch)``: acc[i] += points[j], or -= when ``negate``.
    add
        ``(acc, i, other, j, scratch)``: acc[i] += other[j], both XYZZ.
    double
        ``(acc, i)``: acc[i] += acc[i].
    clear
        ``(acc, i)``: acc[i] = infinity.
    copy
        ``(out, i, point, j)``: XYZZ to XYZZ.
    to_affine
        ``(out, points, n, scratch)``: n XYZZ points to affine with one inversion.
    """

    spec: RingSpec
    scratch_words: int
    add_mixed: Any
    add: Any
    double: Any
    clear: Any
    copy: Any
    to_affine: Any


def ring_spec(curve: Curve, group: Group) -> RingSpec:
    """Ring of a group's coordinates. Products are calls: some 5 % slower than in place, and much quicker to compile."""
    return RingSpec(curve.fp, 1 if group == "g1" else 2, inline=False)


@compiled_once
def point_functions(curve: Curve, group: Group) -> PointFunctions:
    """Instantiate the point functions of a group."""
    spec = ring_spec(curve, group)
    called = CalledSpec(curve, spec.degree)
    kernels = KernelSet(f"{curve.name}.{group}.points")
    words = spec.words

    slope_mixed = operation(called, weierstrass.slope_mixed, (4, 2), 2, outline=True)
    finish_mixed = operation(called, weierstrass.add_mixed, (4, 2), 4, outline=True)
    double_affine = operation(called, weierstrass.double_affine, (2,), 4, outline=True)
    slope_full = operation(called, weierstrass.slope, (4, 4), 4, outline=True)
    finish_full = operation(called, weierstrass.add, (4, 4, 4), 4, outline=True)
    double_xyzz = operation(called, weierstrass.double, (4,), 4, outline=True)
    lift = operation(spec, lambda ring, p: (*p, ring.one(), ring.one()), (2,), 4, with_ring=True)
    negate_y = operation(spec, lambda p: (p[0], -p[1]), (2,), 2)
    multiply = operation(called, weierstrass.product, (1, 1), 1, outline=True)
    set_one = operation(spec, lambda ring, _: ring.one(), (1,), 1, with_ring=True)
    finish_affine = operation(called, _affine_from_inverse, (4, 1), 2, outline=True)
    is_zero = predicate(spec, lambda ring, a: ring.is_zero(a), (1,))
    invert = inversion(spec)

    @kernels.inner
    def clear(acc: Any, i: int) -> None:
        for w in range(4 * words * i, 4 * words * (i + 1)):
            acc[w] = 0

    @kernels.inner
    def copy(out: Any, i: int, point: Any, j: int) -> None:
        copy_words(out, 4 * words * i, point, 4 * words * j, 4 * words)

    @kernels.inner
    def double(acc: Any, i: int) -> None:
        double_xyzz(acc, i, acc, i)

    @kernels.inner
    def add_mixed(acc: Any, i: int, points: Any, j: int, negate: bool, scratch: Any) -> None:
        if is_zero(points, 2 * j) and is_zero(points, 2 * j + 1):
            return
        if negate:
            negate_y(scratch, 1, points, j)
            points, j = scratch, 1
        if is_zero(acc, 4 * i + 2):
            lift(acc, i, points, j)
            return
        slope_mixed(scratch, 0, acc, i, points, j)
        if is_zero(scratch, 0):
            if is_zero(scratch, 1):
                double_affine(acc, i, points, j)
            else:
                clear(acc, i)
            return
        finish_mixed(acc, i, acc, i, scratch, 0)

    @kernels.inner
    def add(acc: Any, i: int, other: Any, j: int, scratch: Any) -> None:
        if is_zero(other, 4 * j + 2):
            return
        if is_zero(acc, 4 * i + 2):
            copy(acc, i, other, j)
            return
        slope_full(scratch, 0, acc, i, other, j)
        if is_zero(scratch, 2):
            if is_zero(scratch, 3):
                double(acc, i)
            else:
                clear(acc, i)
            return
        finish_full(acc, i, acc, i, other, j, scratch, 0)

    @kernels.inner
    def to_affine(out: Any, points: Any, n: int, scratch: Any) -> None:
        # Montgomery's trick: prefix products of the finite ZZZ, one inversion, then back.
        prefix = np.empty((n + 1) * words, np.uint64)
        set_one(prefix, 0, prefix, 0)
        for k in range(n):
            if is_zero(points, 4 * k + 2):
                copy_words(prefix, (k + 1) * words, prefix, k * words, words)
            else:
                multiply(prefix, k + 1, prefix, k, points, 4 * k + 3)
        invert(scratch, 0, prefix, n)
        for k in range(n - 1, -1, -1):
            if is_zero(points, 4 * k + 2):
                for w in range(2 * words * k, 2 * words * (k + 1)):
                    out[w] = 0
                continue
            multiply(scratch, 1, scratch, 0, prefix, k)
            multiply(scratch, 0, scratch, 0, points, 4 * k + 3)
            finish_affine(out, k, points, k, scratch, 1)

    return PointFunctions(spec, 4 * words, add_mixed, add, double, clear, copy, to_affine)


def _affine_from_inverse(point: tuple[Any, Any, Any, Any], inverse_zzz: Any) -> tuple[Any, Any]:
    """Affine coordinates from 1 / ZZZ: 1 / ZZ = (ZZ / ZZZ)^2, x = X / ZZ, y = Y / ZZZ."""
    x, y, zz, _ = point
    return x * (zz * inverse_zzz).square(), y * inverse_zzz
