"""Miller loops of eight pairs in eight lanes.

Each lane multiplies the lines of its own pairs into its own accumulator, so a vector of pairs costs what one pair
does and squarings are shared by up to :data:`CHUNK` vectors. The product over the lanes and its final exponentiation
are the business of :mod:`kernels.cpu.packed_pairing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from kernels.backend import Array
from kernels.cpu.compilation import U8_OUT, U64, U64_OUT, KernelSet, compiled_once, copy_words
from kernels.cpu.coordinate_scaling import coordinate_scaling
from kernels.cpu.lane_called_ring import LaneCalledSpec
from kernels.cpu.lane_field import limb_count
from kernels.cpu.lane_points import lane_points
from kernels.cpu.lane_vectors import LANES, MASK, RADIX
from kernels.cpu.operation import operation
from kernels.cpu.pairing import loop_digits
from kernels.curves import Curve, Fp2, PrimeField
from kernels.encoding import points_from_ints
from kernels.endomorphisms import twist_factors
from kernels.formulas import miller, quadratic, tower

PAIRS_PAY_FROM = 5
"""Pairs from which a lane for each beats :mod:`kernels.cpu.packed_pairing`."""

CHUNK = 32
"""Vectors of pairs that share an accumulator; their running points and lines take 16 KiB a vector on BLS12-381."""


def lane_constants(field: PrimeField, values: Sequence[Fp2]) -> Array:
    """Elements of Fp2 in the lanes' Montgomery form, the same in every lane."""
    limbs = limb_count(field)
    raw = [(c << (RADIX * limbs)) % field.modulus for value in values for c in value]
    return np.repeat(np.array([(v >> (RADIX * j)) & MASK for v in raw for j in range(limbs)], np.uint64), LANES)


@compiled_once
def _miller_kernel(curve: Curve, native: bool) -> Callable[[Any, Any, int, Any, Any], None]:
    """``miller(p_rows, q_rows, vectors, out, inside)``: the accumulators as 3 * 8 rows of two Fp2 coefficients.

    ``inside`` takes a byte a pair: whether Q is in the subgroup, as its multiple at the end tells; see
    :meth:`kernels.cpu.pairing_program.PairingProgram.membership_residue`.
    """
    kernels = KernelSet(f"{curve.name}.lane_pairing{'' if native else '_emulated'}")
    spec = LaneCalledSpec(curve, 2, native)
    g1, g2 = lane_points(curve, "g1", native), lane_points(curve, "g2", native)
    gather_px, gather_py, gather_qx, gather_qy = g1.gather_x, g1.gather_y, g2.gather_x, g2.gather_y
    scatter, words = g2.scatter, spec.words
    is_bls, m_twist = curve.name.startswith("bls12"), curve.twist == "M"

    def over_fp2(formula: Callable[..., Any], inputs: tuple[int, ...], outputs: int) -> Any:
        return operation(spec, formula, inputs, outputs, outline=True)

    double_step = over_fp2(miller.double_step_m if m_twist else miller.double_step_d, (3, 2, 1), 6)
    add_step = over_fp2(miller.add_step_m if m_twist else miller.add_step_d, (3, 2, 2), 6)
    by_line = over_fp2(tower.multiply12_by_014 if m_twist else tower.multiply12_by_034, (6, 3), 6)
    square = over_fp2(tower.square12, (6,), 6)
    psi = over_fp2(miller.twisted_frobenius, (2, 2), 2)
    negate = over_fp2(quadratic.negate, (1,), 1)
    residue = over_fp2(miller.residue, (3, 2), 3)
    canonical = operation(spec.inner, _canonical, (1,), 1, outline=True)
    negative = curve.seed < 0

    b = lane_constants(curve.fp, [curve.g2_b])
    one = lane_constants(curve.fp, [(1, 0)])
    psi_factors = lane_constants(curve.fp, twist_factors(curve))
    loop = np.array(loop_digits(curve), np.int8)
    row_words = 4 * curve.fp.limbs

    @kernels.kernel(U64, U64, types.int64, U64_OUT, U8_OUT)
    def miller_loops(p_rows: Any, q_rows: Any, vectors: int, out: Any, inside: Any) -> None:
        p_points = np.empty(2 * words * vectors, np.uint64)  # coordinates in Fp, each in the room of one of Fp2
        q_points = np.empty(4 * words * vectors, np.uint64)  # Q, then -Q
        steps = np.empty(6 * words * vectors, np.uint64)  # the running point, then its last line
        moved = np.empty(4 * words, np.uint64)
        f = np.zeros(6 * words, np.uint64)
        codes = np.empty(LANES, np.uint32)
        copy_words(f, 0, one, 0, words)
        for k in range(vectors):
            for lane in range(LANES):
                codes[lane] = (LANES * k + lane) << 2
            gather_px(p_points, 4 * k, p_rows, p_rows, codes, 0)
            gather_py(p_points, 4 * k + 2, p_rows, p_rows, codes, 0)
            gather_qx(q_points, 4 * k, q_rows, q_rows, codes, 0)
            gather_qy(q_points, 4 * k + 1, q_rows, q_rows, codes, 0)
            copy_words(q_points, (4 * k + 2) * words, q_points, 4 * k * words, words)
            negate(q_points, 4 * k + 3, q_points, 4 * k + 1)
            copy_words(steps, 6 * words * k, q_points, 4 * words * k, 2 * words)
            copy_words(steps, 6 * words * k + 2 * words, one, 0, words)
        for digit in loop:
            square(f, 0, f, 0)
            for k in range(vectors):
                double_step(steps, k, steps, 2 * k, p_points, k, b, 0)
                by_line(f, 0, f, 0, steps, 2 * k + 1)
                if digit != 0:
                    add_step(steps, k, steps, 2 * k, p_points, k, q_points, 2 * k + (1 if digit < 0 else 0))
                    by_line(f, 0, f, 0, steps, 2 * k + 1)
        for k in range(vectors):
            psi(moved, 0, q_points, 2 * k, psi_factors, 0)
            if not is_bls:
                # Two more lines: through psi(Q) and -psi^2(Q); psi(-psi(Q)) = -psi^2(Q).
                add_step(steps, k, steps, 2 * k, p_points, k, moved, 0)
                by_line(f, 0, f, 0, steps, 2 * k + 1)
                psi(moved, 0, moved, 0, psi_factors, 0)
                negate(moved, 1, moved, 1)
                add_step(steps, k, steps, 2 * k, p_points, k, moved, 0)
                by_line(f, 0, f, 0, steps, 2 * k + 1)
                psi(moved, 0, moved, 0, psi_factors, 0)
            if is_bls and negative:
                negate(moved, 1, moved, 1)
            residue(steps, 2 * k, steps, 2 * k, moved, 0)
            for part in range(3):
                canonical(steps, 6 * k + part, steps, 6 * k + part)
            for lane in range(LANES):
                x, y, z = np.uint64(0), np.uint64(0), np.uint64(0)
                for j in range(words // LANES):
                    x |= steps[6 * k * words + LANES * j + lane]
                    y |= steps[(6 * k + 1) * words + LANES * j + lane]
                    z |= steps[(6 * k + 2) * words + LANES * j + lane]
                inside[LANES * k + lane] = x == 0 and y == 0 and z != 0
        for part in range(3):
            scatter(out[part * LANES * row_words :], 0, f, part)

    return miller_loops


def miller_values(
    curve: Curve, native: bool, g1_points: Array, g2_points: Array
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Values in Fp12 whose product becomes, by the final exponentiation, that of the pairings or its inverse.

    Where the seed is negative the inverse: the conjugation that ends the loop is left out, as it does not change
    whether the product is one.

    Parameters
    ----------
    g1_points, g2_points
        Points of G1 in the subgroup, of G2 on their curve; pairs with infinity count as one.

    Returns
    -------
    values
        ``uint64[m, 12, L]``: canonical, Montgomery form. They mean nothing if a point of G2 is outside the subgroup.
    inside
        ``bool[n]``: whether each point of G2 is in the subgroup. True for pairs with infinity, of which none is looked
        at.
    """
    n = len(g1_points)
    padded = -(-n // LANES) * LANES
    p = np.zeros((padded, *curve.point_shape("g1")), np.uint64)
    q = np.repeat(points_from_ints(curve, "g2", [curve.g2_generator]), padded, axis=0)
    finite = np.flatnonzero(g1_points.reshape(n, -1).any(axis=1) & g2_points.reshape(n, -1).any(axis=1))
    # The pair of P = (0, 0) and the generator is neutral: with xP = yP = 0 only a line's constant is left. It stands
    # for an element of Fp2, or of Fp2 w^3 on a D-type twist, both in Fp4, whose elements the final exponentiation
    # takes to one. (It is not zero: no line of the generator's loop passes through the origin; tests pad.)
    p[finite], q[finite] = g1_points[finite], g2_points[finite]
    to_lanes = (1 << (RADIX * limb_count(curve.fp))) * curve.fp.R_inverse % curve.fp.modulus
    scale = coordinate_scaling(curve, to_lanes)
    p_rows, q_rows = scale(p).reshape(padded, -1), scale(q).reshape(padded, -1)
    kernel = _miller_kernel(curve, native)
    values, inside = [], np.ones(padded, np.uint8)
    for first in range(0, padded, CHUNK * LANES):
        last = min(first + CHUNK * LANES, padded)
        out = np.empty((3, LANES, 4 * curve.fp.limbs), np.uint64)
        vectors = (last - first) // LANES
        rows = p_rows[first:last].reshape(-1), q_rows[first:last].reshape(-1)
        kernel(*rows, vectors, out.reshape(-1), inside[first:last])
        values.append(np.ascontiguousarray(out.transpose(1, 0, 2)))
    # Rows are below 2p; the product makes them canonical: 2 p^2 / R + p is below 2p.
    back = coordinate_scaling(curve, pow(to_lanes, -1, curve.fp.modulus))
    return back(np.concatenate(values)).reshape(-1, 12, curve.fp.limbs), inside[:n].astype(np.bool_)


def _canonical(a: quadratic.QuadraticElement) -> quadratic.QuadraticElement:
    return quadratic.QuadraticElement(a.c0.canonical(), a.c1.canonical())
