"""Products of few pairings, with the coefficients of one Fp12 element in lanes.

An element of Fp12 is one vector of :mod:`kernels.cpu.lane_packing`: six coefficients in Fp2 in six lanes. A product
in Fp12 takes three products of vectors, a cyclotomic square one. Second arguments known beforehand come as lines,
computed once; two of them share the vector in which a step scales their coefficients by the first arguments.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from kernels.backend import Array
from kernels.cpu.compilation import I32, U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.inversion import inversion
from kernels.cpu.lane_entry import entering, leaving
from kernels.cpu.lane_field import limb_count
from kernels.cpu.lane_packing import PackedSpec, packed_operation
from kernels.cpu.lane_vectors import LANES, MASK, RADIX
from kernels.cpu.operation import RingSpec, operation
from kernels.cpu.pairing import POWERS_OF_W
from kernels.cpu.pairing_program import STEP_WORDS, Encoded, Op, PairingProgram
from kernels.curves import Curve, Fp2
from kernels.encoding import montgomery_from_ints
from kernels.endomorphisms import fp2_power, twist_factors
from kernels.formulas import miller, quadratic, tower
from kernels.formulas.quadratic import QuadraticElement


def lane_vector(curve: Curve, values: Sequence[Fp2]) -> Array:
    """At most eight elements of Fp2 as one vector, in the lanes' Montgomery form; zeros behind them."""
    limbs, p = limb_count(curve.fp), curve.fp.modulus
    vector = np.zeros((2, limbs, LANES), np.uint64)
    for lane, value in enumerate(values):
        for part, c in enumerate(value):
            raw = (c << (RADIX * limbs)) % p
            vector[part, :, lane] = [(raw >> (RADIX * j)) & MASK for j in range(limbs)]
    return vector.reshape(-1)


# Numba takes no members of enumerations from other modules' classes as constants, but integers.
_ENTER, _TO_LANES, _MULTIPLY, _SQUARE, _CYCLOTOMIC_SQUARE, _CONJUGATE, _RAISE_P, _RAISE_P2, _NORM = (
    int(op)
    for op in (
        Op.ENTER,
        Op.TO_LANES,
        Op.MULTIPLY,
        Op.SQUARE,
        Op.CYCLOTOMIC_SQUARE,
        Op.CONJUGATE,
        Op.RAISE_P,
        Op.RAISE_P2,
        Op.NORM,
    )
)
_INVERT_NORM, _INVERT, _DOUBLE_STEP, _ADD_STEP, _BY_LINE, _SCALE_LINES, _BY_FIRST_LINE = (
    int(op)
    for op in (
        Op.INVERT_NORM,
        Op.INVERT,
        Op.DOUBLE_STEP,
        Op.ADD_STEP,
        Op.BY_LINE,
        Op.SCALE_LINES,
        Op.BY_FIRST_LINE,
    )
)
_PSI, _MIRROR, _RESIDUE, _LESS_ONE = (int(op) for op in (Op.PSI, Op.MIRROR, Op.RESIDUE, Op.LESS_ONE))


@compiled_once
def _machine(curve: Curve, native: bool) -> Callable[[Any, int, Any, Any, Any], None]:
    """``run(program, steps, inputs, lines, registers)``: run a program over packed vectors."""
    kernels = KernelSet(f"{curve.name}.packed_pairing{'' if native else '_emulated'}")
    spec = PackedSpec(curve, 2, native)
    words, limbs64, limbs = spec.words, curve.fp.limbs, limb_count(curve.fp)
    half, p, m_twist = words // 2, curve.fp.modulus, curve.twist == "M"

    def packed(formula: Callable[..., Any], inputs: tuple[int, ...], outputs: int) -> Any:
        return packed_operation(spec, formula, inputs, outputs)

    def lanewise(formula: Callable[..., Any], operands: int) -> Any:
        return operation(spec.inner, formula, (1,) * operands, 1, outline=True)

    double_step = packed(miller.double_step_m if m_twist else miller.double_step_d, (3, 2, 1), 6)
    add_step = packed(miller.add_step_m if m_twist else miller.add_step_d, (3, 2, 2), 6)
    by_first_line = packed(tower.multiply12_by_014 if m_twist else tower.multiply12_by_034, (6, 3), 6)
    by_line = packed(_by_step_m if m_twist else _by_step_d, (6, 6), 6)
    mirror, residue = packed(_mirror, (2,), 2), packed(miller.residue, (3, 2), 3)
    multiply, square = packed(tower.multiply12, (6, 6), 6), packed(tower.square12, (6,), 6)
    cyclotomic_square, conjugate = packed(tower.cyclotomic_square, (6,), 6), packed(tower.conjugate12, (6,), 6)
    norm, finish_inverse = packed(tower.norm_to_fp2, (6,), 4), packed(_inverse, (6, 4, 1), 6)
    scale, times = lanewise(_scale, 2), lanewise(quadratic.multiply, 2)
    conjugate_times, canonical, less = lanewise(_conjugate_times, 2), lanewise(_canonical, 1), lanewise(_less, 2)
    invert = inversion(RingSpec(curve.fp, 2, inline=False))

    def powers(power: int) -> Array:
        return lane_vector(curve, [fp2_power(curve.xi, e * (p**power - 1) // 6, p) for e in POWERS_OF_W])

    one, b, psi_factors = (lane_vector(curve, v) for v in ([(1, 0)], [curve.g2_b], twist_factors(curve)))
    p_factors, p2_factors = powers(1), powers(2)
    # With R' the lanes' radix a product by R'^2 / R turns x R into x R'; one by R'^3 / R^2 the inverse of x R' in the
    # other form, R^2 / (x R'), into R' / x. Encoded, the constants lose one R'.
    ratio = (1 << (RADIX * limbs)) * curve.fp.R_inverse % p
    to_lanes = lane_vector(curve, [(ratio, 0)] * LANES)
    inverse_to_lanes = lane_vector(curve, [(ratio * ratio % p, 0)])

    enter, leave = entering(kernels, curve.fp), leaving(kernels, curve.fp)

    @kernels.inner
    def invert_first(out: Any, i: int, a: Any, j: int) -> None:
        # The inverse of lane 0, through the other form.
        canonical(out, i, a, j)
        value = np.empty(2 * limbs64, np.uint64)
        for part in range(2):
            leave(value, part * limbs64, out, i * words + part * half)
        invert(value, 0, value, 0)
        for part in range(2):
            enter(out, i * words + part * half, value, part * limbs64)
        scale(out, i, out, i, inverse_to_lanes, 0)

    @kernels.kernel(I32, types.int64, U64, U64, U64_OUT)
    def run(program: Any, steps: int, inputs: Any, lines: Any, r: Any) -> None:
        for s in range(steps):
            op, out = program[STEP_WORDS * s], program[STEP_WORDS * s + 1]
            i, j, k = program[STEP_WORDS * s + 2], program[STEP_WORDS * s + 3], program[STEP_WORDS * s + 4]
            if op == _CYCLOTOMIC_SQUARE:
                cyclotomic_square(r, out, r, i)
            elif op == _MULTIPLY:
                multiply(r, out, r, i, r, j)
            elif op == _SQUARE:
                square(r, out, r, i)
            elif op == _BY_LINE:
                by_line(r, out, r, i, r, j)
            elif op == _BY_FIRST_LINE:
                by_first_line(r, out, r, i, r, j)
            elif op == _SCALE_LINES:
                scale(r, out, lines, i, r, j)
            elif op == _DOUBLE_STEP:
                double_step(r, out, r, i, r, j, b, 0)
            elif op == _ADD_STEP:
                add_step(r, out, r, i, r, j, r, k)
            elif op == _ENTER:
                enter(r, out * words + k % 2 * half + k // 2, inputs, j * limbs64)
            elif op == _TO_LANES:
                scale(r, out, r, i, to_lanes, 0)
            elif op == _CONJUGATE:
                conjugate(r, out, r, i)
            elif op == _RAISE_P:
                conjugate_times(r, out, r, i, p_factors, 0)
            elif op == _RAISE_P2:
                times(r, out, r, i, p2_factors, 0)
            elif op == _NORM:
                norm(r, out, r, i)
            elif op == _INVERT_NORM:
                invert_first(r, out, r, i)
            elif op == _INVERT:
                finish_inverse(r, out, r, i, r, j, r, k)
            elif op == _PSI:
                conjugate_times(r, out, r, i, psi_factors, 0)
            elif op == _MIRROR:
                mirror(r, out, r, i)
            elif op == _RESIDUE:
                residue(r, out, r, i, r, j)
                canonical(r, out, r, out)
            elif op == _LESS_ONE:
                less(r, out, r, i, one, 0)
                canonical(r, out, r, out)

    return run


class PackedPairing:
    """Products of few pairings on one curve.

    Points are affine, finite, on their curve and in Montgomery form; those of G1 are in the subgroup. Values in Fp12
    are packed vectors, right up to what the final exponentiation removes, and inverted if the seed is negative.

    Parameters
    ----------
    native
        Use the IFMA instructions; otherwise their definition.
    """

    def __init__(self, curve: Curve, *, native: bool) -> None:
        self.curve = curve
        self._run = _machine(curve, native)
        self._words = PackedSpec(curve, 2, native).words
        self._one = montgomery_from_ints(curve.fp, [1])
        constants = np.stack([lane_vector(curve, [(1, 0)]), lane_vector(curve, [(1, 0), (1, 0)])])
        self._constants = constants.reshape(-1)

    def lines(self, first: Array, second: Array) -> Array:
        """Prepare two second arguments in the subgroup, not infinity: the lines of every step."""
        return _join_lines(*(self._lines(q) for q in (first, second)))

    def miller_value(self, g1_points: Array, g2_points: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Product of the Miller functions of pairs, and which second arguments are in the subgroup."""
        program = _miller_program(self.curve, len(g1_points))
        pairs = zip(g1_points, g2_points, strict=True)
        inputs = [part for p, q in pairs for part in (p, q.reshape(4, -1), self._one)]
        value, *residues = self._results(program, np.concatenate([*inputs, self._one]))
        return value, np.array([_is_member(residue) for residue in residues], np.bool_)

    def prepared_is_one(
        self, constant: Array, lines: Array, fixed: Array, g1_point: Array, g2_point: Array
    ) -> tuple[bool, bool]:
        """Whether a product is one, and whether its only new second argument is in the subgroup.

        Parameters
        ----------
        constant
            A value to multiply by.
        lines
            Of two second arguments, from :meth:`lines`.
        fixed
            ``uint64[2, 3, L]``: X, Y, Z of the points x = X / Z, y = Y / Z that go with them.
        g1_point, g2_point
            The other pair.
        """
        program = _prepared_program(self.curve)
        inputs = np.concatenate([fixed.reshape(6, -1), g1_point, g2_point.reshape(4, -1), self._one])
        rest, residue = self._results(program, inputs, lines, constant)
        return not rest.any(), _is_member(residue)

    def is_one(self, values: Sequence[Array] | Array, packed: Sequence[Array]) -> bool:
        """Whether the final exponentiation takes the product of values to one.

        Parameters
        ----------
        values
            ``uint64[12, L]``, canonical, Montgomery form.
        packed
            Packed values.
        """
        program = _exponentiation_program(self.curve, len(values), len(packed))
        inputs = np.concatenate([*values, self._one])
        (rest,) = self._results(program, inputs, None, *packed)
        return not rest.any()

    def _lines(self, q: Array) -> Array:
        program = _lines_program(self.curve)
        inputs = np.concatenate([q.reshape(4, -1), self._one])
        return np.stack(self._results(program, inputs)).reshape(-1, self._words // LANES, LANES)[:, :, 3:6]

    def _results(
        self, program: Encoded, inputs: Array, lines: Array | None = None, *packed: Array
    ) -> list[npt.NDArray[np.uint64]]:
        words, constants = self._words, np.concatenate([self._constants, *packed])
        registers = np.zeros(program.registers * words, np.uint64)
        registers[: len(constants)] = constants
        steps = program.steps
        flat_lines = registers[:0] if lines is None else lines
        self._run(steps, len(steps) // STEP_WORDS, inputs.reshape(-1), flat_lines, registers)
        return [registers[result * words : (result + 1) * words] for result in program.results]


@compiled_once
def packed_pairing(curve: Curve, native: bool) -> PackedPairing:
    """Compile, or load, the packed pairing of a curve."""
    return PackedPairing(curve, native=native)


def _join_lines(first: Array, second: Array) -> Array:
    """Coefficients of two points' lines, in lanes 0 to 2 and 3 to 5."""
    joined = np.zeros((*first.shape[:2], LANES), np.uint64)
    joined[:, :, :3], joined[:, :, 3:6] = first, second
    return joined.reshape(-1)


def _is_member(residue: Array) -> bool:
    x, y, z = (bool(lane.any()) for lane in residue.reshape(-1, LANES).T[:3])
    return z and not x and not y


@functools.cache
def _miller_program(curve: Curve, n: int) -> Encoded:
    program = PairingProgram(curve)
    pairs = [(program.enter((0, 2)), program.enter_q()) for _ in range(n)]
    loop = program.miller_loop(pairs)
    residues = [program.membership_residue(q, steps[-1]) for (_, q), steps in zip(pairs, loop.steps, strict=True)]
    return program.encoded(loop.value, *residues)


@functools.cache
def _lines_program(curve: Curve) -> Encoded:
    program = PairingProgram(curve)
    (steps,) = program.miller_loop([(program.ONES, program.enter_q())], keep=True).steps
    return program.encoded(*steps[1:])


@functools.cache
def _prepared_program(curve: Curve) -> Encoded:
    program = PairingProgram(curve)
    constant = program.new()
    # X, Y, Z of each point, behind one another in the order of a line's coefficients: constant (Z), of xP, of yP on
    # an M-type twist, the reverse on a D-type.
    lanes = (1, 2, 0) if curve.twist == "M" else (1, 0, 2)
    fixed = program.enter([2 * (3 * point + lane) for point in range(2) for lane in lanes])
    p, q = program.enter((0, 2)), program.enter_q()
    loop = program.miller_loop([(p, q)], [fixed])
    rest = program.step(Op.LESS_ONE, program.final_exponentiation(program.multiply(loop.value, constant)))
    residue = program.membership_residue(q, loop.steps[0][-1])
    return program.encoded(rest, residue)


@functools.lru_cache(maxsize=64)
def _exponentiation_program(curve: Curve, n: int, packed: int) -> Encoded:
    program = PairingProgram(curve)
    factors = [program.new() for _ in range(packed)]
    factors += [program.enter(range(12)) for _ in range(n)]
    product = functools.reduce(program.multiply, factors) if factors else program.ONE
    rest = program.step(Op.LESS_ONE, program.final_exponentiation(product))
    return program.encoded(rest)


def _by_step_m(f: tower.Fp12, step: tower.Fp12) -> tower.Fp12:
    return tower.multiply12_by_014(f, step[3:])


def _by_step_d(f: tower.Fp12, step: tower.Fp12) -> tower.Fp12:
    return tower.multiply12_by_034(f, step[3:])


def _mirror(q: tuple[Any, Any]) -> tuple[Any, Any]:
    return q[0], -q[1]


def _inverse(a: tower.Fp12, parts: tuple[Any, Any, Any, Any], inverse: Any) -> tower.Fp12:
    return tower.inverse_from_norm(a, (inverse, *parts[1:]))


def _scale(a: QuadraticElement, b: QuadraticElement) -> QuadraticElement:
    return a.scale(b.c0)


def _less(a: QuadraticElement, b: QuadraticElement) -> QuadraticElement:
    return a - b


def _conjugate_times(a: QuadraticElement, b: QuadraticElement) -> QuadraticElement:
    return a.conjugate() * b


def _canonical(a: QuadraticElement) -> QuadraticElement:
    return QuadraticElement(a.c0.canonical(), a.c1.canonical())
