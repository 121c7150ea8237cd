"""Sums of multiples of many points, each lane with points of its own.

A lane follows a *schedule* that all lanes share (double, add, or both) and *codes* of its own that say which row of a
table each addition takes, as :mod:`kernels.cpu.buckets` defines them. Coordinates are projective and the formulas
complete, so no case is exceptional: all four groups lie on curves of odd order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from kernels.backend import Array
from kernels.cpu.compilation import U8, U32, U64, U64_OUT, KernelSet, compiled_once, copy_words
from kernels.cpu.coordinate_scaling import coordinate_scaling
from kernels.cpu.digits import split
from kernels.cpu.lane_complete_additions import complete_additions
from kernels.cpu.lane_field import limb_count
from kernels.cpu.lane_pairing import lane_constants
from kernels.cpu.lane_points import lane_points
from kernels.cpu.lane_vectors import LANES, RADIX
from kernels.cpu.operation import operation
from kernels.cpu.point_images import point_images
from kernels.cpu.points import point_functions
from kernels.curves import Curve, Group
from kernels.encoding import montgomery_from_ints
from kernels.endomorphisms import (
    cube_root_endomorphism,
    membership_endomorphism,
    signed_digits,
)
from kernels.formulas import weierstrass

DOUBLE, ADD = 1, 2
"""What a step of a schedule does, doubling first."""


@dataclass(frozen=True)
class _Kernels:
    """Compiled for one group.

    Attributes
    ----------
    follow
        ``(rows, blocks, codes, schedule, out)``: follow a schedule in the eight lanes of each block, those of block k
        with the codes ``codes[8 blocks t + 8 k + lane]``, the table's last row being infinity;
        ``out`` takes of each block (X, Y) and (Z, Z) as eight rows each.
    """

    follow: Callable[[Any, int, Any, Any, Any], None]


@compiled_once
def _lane_kernels(curve: Curve, group: Group, native: bool) -> _Kernels:
    """Compile, or load, the kernels of a group."""
    name = f"{curve.name}.{group}.lane_multiples{'' if native else '_emulated'}"
    kernels = KernelSet(name)
    lanes, complete = lane_points(curve, group, native), complete_additions(curve, group, native)
    gather_x, gather_y, scatter = lanes.gather_x, lanes.gather_y, lanes.scatter
    double, add, three_b = complete.double, complete.add, complete.three_b
    words, limb_words = complete.spec.words, limb_count(curve.fp)
    one = lane_constants(curve.fp, [(1, 0)])
    rows_out = LANES * 2 * curve.coordinate_limbs(group)

    @kernels.kernel(U64, types.int64, U32, U8, U64_OUT)
    def follow(rows: Any, blocks: int, codes: Any, schedule: Any, out: Any) -> None:
        points = np.empty(6 * words, np.uint64)  # the sum, then the point to add
        infinity = (len(rows) // (rows_out // LANES) - 1) << 2
        for block in range(blocks):
            points[:] = 0
            copy_words(points, words, one, 0, LANES * limb_words)
            for t in range(len(schedule)):
                if schedule[t] & DOUBLE:
                    double(points, 0, points, 0, three_b, 0)
                if schedule[t] & ADD:
                    at = LANES * (blocks * t + block)
                    gather_x(points, 3, rows, rows, codes, at)
                    gather_y(points, 4, rows, rows, codes, at)
                    for lane in range(LANES):
                        finite = codes[at + lane] != infinity
                        for j in range(limb_words):
                            place = LANES * j + lane
                            points[5 * words + place] = one[place] if finite else np.uint64(0)
                    add(points, 0, points, 0, points, 1, three_b, 0)
            copy_words(points, 3 * words, points, 2 * words, words)
            scatter(out[2 * block * rows_out :], 0, points, 0)
            scatter(out[(2 * block + 1) * rows_out :], 0, points, 1)

    return _Kernels(follow)


@compiled_once
def _normalise(curve: Curve, group: Group) -> Callable[[Any, int, Any], None]:
    """Compile, or load, ``normalise(projective, n, out)``: to affine points. Subgroup checks do without it."""
    kernels = KernelSet(f"{curve.name}.{group}.multiples")
    scalar = point_functions(curve, group)
    to_affine, scratch_words, words = scalar.to_affine, scalar.scratch_words, scalar.spec.words
    from_projective = operation(scalar.spec, weierstrass.xyzz_from_projective, (3,), 4, outline=True)

    @kernels.kernel(U64, types.int64, U64_OUT)
    def normalise(projective: Any, n: int, out: Any) -> None:
        xyzz = np.empty(4 * words * n, np.uint64)
        scratch = np.empty(scratch_words, np.uint64)
        for k in range(n):
            from_projective(xyzz, k, projective, k)
        to_affine(out, xyzz, n, scratch)

    return normalise


class LaneMultiples:
    """Sums of multiples of points of one group.

    Parameters
    ----------
    native
        Use the IFMA instructions; otherwise their definition.
    """

    def __init__(self, curve: Curve, group: Group, *, native: bool) -> None:
        self.curve = curve
        self.group: Group = group
        self._kernels = _lane_kernels(curve, group, native)

    def in_subgroup(self, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point of the curve has order dividing r; see :mod:`kernels.endomorphisms`."""
        endomorphism = membership_endomorphism(self.curve, self.group)
        if endomorphism is None or not len(points):
            return np.ones(len(points), np.bool_)
        # |eigenvalue| P in signed digits, then E(P) added or subtracted: infinity is left of a point of the subgroup.
        digits = signed_digits(abs(endomorphism.eigenvalue))
        schedule = np.array([DOUBLE | (ADD if digit else 0) for digit in digits] + [ADD], np.uint8)
        rows = [0] * len(digits) + [1]
        signs = [digit < 0 for digit in digits] + [endomorphism.eigenvalue > 0]
        table = np.stack([points, point_images(self.curve, self.group, endomorphism, points)])
        codes = self._code(np.array(rows)[:, None], np.array(signs)[:, None], len(points))
        z = self._follow(table, codes, schedule)[:, 2]
        return np.logical_not(z.reshape(len(points), -1).any(axis=1))

    def multiply(self, points: Array, scalars: Array) -> Array:
        """Multiples scalars[i] * points[i] of points of G1, in the subgroup; scalars ``uint64[n, 4]`` below r.

        With E the cube root of unity's endomorphism a scalar is a + b E + c E^2, all at least 0 and one of them 0, as
        1 + E + E^2 = 0. For the same reason the sum of any two of P, E(P), E^2(P) is minus the third: every bit of
        (a, b, c) takes one addition at most. Scalars a + b E of short a and b take as many steps as those have bits.
        """
        n, endomorphism = len(points), cube_root_endomorphism(self.curve)
        if n == 0:
            return np.empty((0, *self.curve.point_shape(self.group)), np.uint64)
        octets = np.ascontiguousarray(self._nonnegative_parts(scalars).swapaxes(1, 2), "<u8").view(np.uint8)
        bits = np.unpackbits(octets, axis=2, bitorder="little")
        used = np.flatnonzero(bits.any(axis=(0, 1)))
        steps = int(used[-1]) + 1 if len(used) else 1
        chosen = (bits[0] + 2 * bits[1] + 4 * bits[2])[:, :steps].T[::-1]
        #                  0  P  E  P + E  E^2  P + E^2  E + E^2
        row = np.array([-1, 0, 1, 2, 2, 1, 0])
        negative = np.array([False, False, False, True, False, True, True])
        codes = self._code(row[:, None], negative[:, None], n)[chosen, np.arange(n)]
        once = point_images(self.curve, self.group, endomorphism, points)
        table = np.stack([points, once, point_images(self.curve, self.group, endomorphism, once)])
        sums = self._follow(table, codes, np.full(steps, DOUBLE | ADD, np.uint8))
        out = np.empty((n, *self.curve.point_shape(self.group)), np.uint64)
        _normalise(self.curve, self.group)(np.ascontiguousarray(sums).reshape(-1), n, out.reshape(-1))
        return out

    def _nonnegative_parts(self, scalars: Array) -> Array:
        """Parts a, b, c of every scalar: ``uint64[3, words, n]``, the least words first."""
        n = len(scalars)
        nothing = np.empty(0, np.intp)
        cut = split(self.curve, self.group, 2, scalars[np.newaxis], window_bits=0, windows=1, without=nothing)
        parts = [(cut.words[0, :, half], cut.negative[0, half].astype(np.bool_)) for half in (slice(n), slice(n, None))]
        # c is the greatest of -a, -b and 0. The words have room for the sum of two parts, here in two's complement.
        c, other = (np.where(negative, part, np.uint64(0)) for part, negative in parts)
        _, not_less = _sum_of_words(c, ~other, np.ones(n, np.bool_))
        c = np.where(not_less, c, other)
        a, b = (_sum_of_words(c, np.where(negative, ~part, part), negative)[0] for part, negative in parts)
        return np.stack([a, b, c])

    def _code(self, row: Any, negative: Any, n: int) -> npt.NDArray[np.int64]:
        """Codes of point i's own rows: ``row`` 0, 1, ... of the table, or -1 for infinity."""
        codes: npt.NDArray[np.int64] = ((row * n + np.arange(n)) << 2) | negative
        return np.where(row < 0, -1, codes)

    def _follow(self, table: Array, codes: npt.NDArray[np.int64], schedule: npt.NDArray[np.uint8]) -> Array:
        """Follow a schedule for each point; projective coordinates, canonical, Montgomery form."""
        curve, n = self.curve, table.shape[1]
        padded, coordinate_words = -(-n // LANES) * LANES, curve.coordinate_limbs(self.group)
        infinity = table.shape[0] * n << 2
        filled = np.full((len(codes), padded), infinity, np.uint32)
        finite = table[0].reshape(n, -1).any(axis=1)
        filled[:, :n] = np.where(finite & (codes >= 0), codes, infinity)
        to_lanes = (1 << (RADIX * limb_count(curve.fp))) * curve.fp.R_inverse % curve.fp.modulus
        rows = np.zeros((table.shape[0] * n + 1, 2, coordinate_words), np.uint64)
        rows[:-1] = coordinate_scaling(curve, to_lanes)(table).reshape(-1, 2, coordinate_words)
        one = montgomery_from_ints(curve.fp, [to_lanes]).reshape(-1)
        rows[-1, 1, : len(one)] = one  # infinity is (0, 1, 0)
        out = np.empty((padded // LANES, 2, LANES, 2, coordinate_words), np.uint64)
        self._kernels.follow(rows.reshape(-1), len(out), filled.reshape(-1), schedule, out.reshape(-1))
        # Rows are below 2p; the product makes them canonical: 2 p^2 / R + p is below 2p.
        back = coordinate_scaling(curve, pow(to_lanes, -1, curve.fp.modulus))(out).reshape(out.shape)
        coordinates = back.transpose(0, 2, 1, 3, 4).reshape(padded, 4, coordinate_words)
        return coordinates[:n, :3]


def _sum_of_words(x: Array, y: Array, carry: npt.NDArray[np.bool_]) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Sums of numbers ``uint64[words, n]``, each with a carry in and out."""
    out = np.empty_like(x)
    for word in range(len(x)):
        partial = x[word] + y[word]
        out[word] = partial + carry
        carry = (partial < y[word]) | (out[word] < partial)
    return out, carry
