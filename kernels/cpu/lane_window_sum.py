"""Sums of multiples of few fixed points of G1, from tables of every multiple that a window of a scalar can ask for.

Eight windows' points are added at a time, whichever scalars they belong to, with complete formulas; at the end the
eight sums become one, in homogeneous coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from kernels.backend import Array
from kernels.cpu.compilation import U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.coordinate_scaling import coordinate_scaling
from kernels.cpu.lane_called_ring import LaneCalledSpec
from kernels.cpu.lane_element import LaneElement
from kernels.cpu.lane_entry import leaving
from kernels.cpu.lane_field import LaneSpec, limb_count
from kernels.cpu.lane_points import lane_points
from kernels.cpu.lane_vectors import LANES, MASK, RADIX
from kernels.cpu.msm import multiply_base
from kernels.cpu.operation import operation
from kernels.curves import Curve
from kernels.encoding import ints_from_montgomery, limbs_from_ints, montgomery_from_ints
from kernels.formulas import weierstrass

WINDOW_BITS = 4
DIGITS = 1 << (WINDOW_BITS - 1)
"""Multiples kept of each point and window: signed digits reach from -7 to 8."""

WINDOWS = 256 // WINDOW_BITS
"""Scalars are below 2^255, so that the last window takes the carry."""


@compiled_once
def _kernel(curve: Curve, native: bool) -> Callable[[Any, Any, int, Any], None]:
    """``window_sum(rows, scalars, n, out)``: X, Y, Z in Montgomery form, canonical; the last row is infinity."""
    kernels = KernelSet(f"{curve.name}.g1{'' if native else '.emulated'}")
    spec, element = LaneCalledSpec(curve, 1, native), LaneSpec(curve.fp, native)
    lanes, leave = lane_points(curve, "g1", native), leaving(kernels, curve.fp)
    gather_x, gather_y = lanes.gather_x, lanes.gather_y
    words, limbs64, limbs, row_words = spec.words, curve.fp.limbs, limb_count(curve.fp), 2 * curve.fp.limbs

    def times_b3(a: Any) -> Any:
        return weierstrass.times_small(a, 3 * curve.b)

    add = operation(spec, lambda p, q: weierstrass.add_complete(p, q, times_b3), (3, 3), 3)
    leave_lanes = operation(element, _leave, (3, 1), 3, outline=True)
    p = curve.fp.modulus
    one, back = (
        np.repeat(np.array([(c >> (RADIX * j)) & MASK for j in range(limbs)], np.uint64), LANES)
        for c in ((1 << (RADIX * limbs)) % p, curve.fp.R % p)
    )

    @kernels.kernel(U64, U64, types.int64, U64_OUT)
    def window_sum(rows: Any, scalars: Any, n: int, out: Any) -> None:
        entries = np.empty(WINDOWS * n + LANES, np.uint32)
        infinity = np.uint32(len(rows) // row_words - 1) << np.uint32(2)
        count = 0
        for i in range(n):
            union = np.uint64(0)
            for w in range(row_words):
                union |= rows[i * WINDOWS * DIGITS * row_words + w]
            if union == 0:
                continue  # a point at infinity: so are its multiples
            carry = 0
            for j in range(WINDOWS):
                digit = np.int64(
                    (scalars[4 * i + WINDOW_BITS * j // 64] >> np.uint64(WINDOW_BITS * j % 64))
                    & np.uint64(2 * DIGITS - 1)
                )
                digit += carry
                carry = 1 if digit > DIGITS else 0
                digit -= carry * 2 * DIGITS
                if digit != 0:
                    row = (i * WINDOWS + j) * DIGITS + abs(digit) - 1
                    entries[count] = row << 2 | (1 if digit < 0 else 0)
                    count += 1
        while count % LANES != 0:
            entries[count] = infinity
            count += 1
        points = np.zeros(6 * words, np.uint64)  # the sums, then the points to add
        for w in range(words):
            points[words + w] = one[w]
        for first in range(0, count, LANES):
            gather_x(points, 3, rows, rows, entries, first)
            gather_y(points, 4, rows, rows, entries, first)
            for lane in range(LANES):
                finite = entries[first + lane] != infinity
                for j in range(limbs):
                    place = LANES * j + lane
                    points[5 * words + place] = one[place] if finite else np.uint64(0)
                    if not finite:  # (0, 1, 0)
                        points[4 * words + place] = one[place]
            add(points, 0, points, 0, points, 1)
        for half in (4, 2, 1):
            for limb in range(3 * limbs):
                for lane in range(half):
                    points[3 * words + LANES * limb + lane] = points[LANES * limb + lane + half]
            add(points, 0, points, 0, points, 1)
        leave_lanes(points, 0, points, 0, back, 0)
        for c in range(3):
            leave(out, c * limbs64, points, c * words)

    return window_sum


class WindowTables:
    """Tables of some points of G1.

    Parameters
    ----------
    points
        ``uint64[n, 2, L]``, affine, Montgomery form; infinity may be among them.
    native
        Use the IFMA instructions; otherwise their definition.
    """

    def __init__(self, curve: Curve, points: Array, *, native: bool) -> None:
        self._curve, self._n = curve, len(points)
        self._kernel = _kernel(curve, native)
        multiples = [d << (WINDOW_BITS * j) for j in range(WINDOWS) for d in range(1, DIGITS + 1)]
        scalars = limbs_from_ints([m % curve.fr.modulus for m in multiples], 4)
        tables = [multiply_base(curve, "g1", point, scalars, 1) for point in points]
        to_lanes = (1 << (RADIX * limb_count(curve.fp))) * curve.fp.R_inverse % curve.fp.modulus
        affine = np.concatenate([*tables, np.zeros((1, 2, curve.fp.limbs), np.uint64)])
        self._rows = coordinate_scaling(curve, to_lanes)(affine)

    def sum(self, scalars: Array) -> Array:
        """Sum of scalars[i] * points[i]: ``uint64[3, L]``, x = X / Z, y = Y / Z; Z = 0 for infinity.

        ``scalars`` is ``uint64[n, 4]``, standard form, below r.
        """
        out = np.empty((3, self._curve.fp.limbs), np.uint64)
        self._kernel(self._rows, scalars.reshape(-1), self._n, out.reshape(-1))
        return out


def affine_from_projective(curve: Curve, point: Array) -> Array:
    """Divide x and y by Z; zeros for infinity."""
    p = curve.fp.modulus
    x, y, z = ints_from_montgomery(curve.fp, point)
    inverse = pow(z, -1, p) if z else 0
    return montgomery_from_ints(curve.fp, [x * inverse, y * inverse])


def _leave(point: tuple[LaneElement, ...], factor: LaneElement) -> tuple[LaneElement, ...]:
    return tuple((c * factor).canonical() for c in point)
