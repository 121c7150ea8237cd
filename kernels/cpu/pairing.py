"""Products of optimal ate pairings, compared with one.

All pairs share one accumulator, hence one squaring a loop step and one final exponentiation. The exponentiation
raises to a fixed multiple of (p^12 - 1)/r whose cofactor is prime to r, which does not change whether the result is
one.

References
----------
F. Vercauteren, "Optimal pairings", 2010.
D. Hayashida, K. Hayasaka, T. Teruya, "Efficient final exponentiation via cyclotomic structure for pairings over
families of elliptic curves", 2020 (BLS12: three times the hard part).
L. Fuentes-Castaneda, E. Knapp, F. Rodriguez-Henriquez, "Faster hashing to G2", SAC 2011 (BN: hard part times
2x(6x^2 + 3x + 1)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import types

from kernels.cpu.called_ring import CalledSpec
from kernels.cpu.compilation import U64, U64_OUT, KernelSet, compiled_once, copy_words
from kernels.cpu.inversion import inversion
from kernels.cpu.operation import RingSpec, operation
from kernels.curves import Curve, Fp2
from kernels.encoding import Limbs, montgomery_from_ints
from kernels.endomorphisms import fp2_power, signed_digits, twist_factors
from kernels.formulas import miller, tower

POWERS_OF_W = (0, 2, 4, 1, 3, 5)  # of the six Fp2 coefficients of an Fp12 element, in the order of the tower


def _encode(curve: Curve, values: Sequence[Fp2]) -> Limbs:
    return montgomery_from_ints(curve.fp, [c for value in values for c in value]).reshape(-1)


def frobenius_factors(curve: Curve, power: int) -> Limbs:
    """Return xi^(e (p^power - 1)/6) for the power e of w of each coefficient: what the p^power-th power multiplies."""
    p = curve.fp.modulus
    return _encode(curve, [fp2_power(curve.xi, e * (p**power - 1) // 6, p) for e in POWERS_OF_W])


def loop_digits(curve: Curve) -> list[int]:
    """Signed digits (non-adjacent form) of the loop length below its top one, most significant first.

    The length is |x| for BLS12 and 6x + 2 for BN.
    """
    length = abs(curve.seed) if curve.name.startswith("bls12") else 6 * curve.seed + 2
    return signed_digits(length)[1:]


@dataclass(frozen=True)
class PairingKernels:
    """Kernels over flat arrays in Montgomery form.

    Attributes
    ----------
    miller_value
        ``(g1, g2, n, out)``: the product of the Miller functions of affine pairs, in Fp12.
    exponentiates_to_one
        ``(values, n)``: whether the final exponentiation takes the product of elements of Fp12 to one.
    """

    miller_value: Callable[[Any, Any, int, Any], None]
    exponentiates_to_one: Callable[[Any, int], bool]


@compiled_once
def pairing_kernels(curve: Curve) -> PairingKernels:
    """Compile, or load, the pairing of a curve."""
    kernels = KernelSet(f"{curve.name}.pairing")
    spec = CalledSpec(curve)
    words = spec.words  # of an Fp2 element
    limbs = curve.fp.limbs
    is_bls, m_twist, negative = curve.name.startswith("bls12"), curve.twist == "M", curve.seed < 0

    def over_fp2(formula: Callable[..., Any], inputs: tuple[int, ...], outputs: int) -> Any:
        return operation(spec, formula, inputs, outputs, outline=True)

    double_step = over_fp2(miller.double_step_m if m_twist else miller.double_step_d, (3, 2, 1), 6)
    add_step = over_fp2(miller.add_step_m if m_twist else miller.add_step_d, (3, 2, 2), 6)
    by_line = over_fp2(tower.multiply12_by_014 if m_twist else tower.multiply12_by_034, (6, 3), 6)
    psi = over_fp2(miller.twisted_frobenius, (2, 2), 2)
    multiply = over_fp2(tower.multiply12, (6, 6), 6)
    square = over_fp2(tower.square12, (6,), 6)
    cyclotomic_square = over_fp2(tower.cyclotomic_square, (6,), 6)
    conjugate = over_fp2(tower.conjugate12, (6,), 6)
    norm = over_fp2(tower.norm_to_fp2, (6,), 4)
    finish_inverse = over_fp2(tower.inverse_from_norm, (6, 4), 6)
    raise_p = over_fp2(tower.frobenius, (6, 6), 6)
    raise_p2 = over_fp2(tower.frobenius_squared, (6, 6), 6)
    invert = inversion(RingSpec(curve.fp, 2, inline=False))

    b = _encode(curve, [curve.g2_b])
    one = _encode(curve, [(1, 0)])
    p_factors, p2_factors, psi_factors = (
        frobenius_factors(curve, 1),
        frobenius_factors(curve, 2),
        _encode(curve, twist_factors(curve)),
    )
    loop = np.array(loop_digits(curve), np.int8)
    seed_digits = np.array(signed_digits(abs(curve.seed))[1:], np.int8)

    @kernels.inner
    def set_one(f: Any) -> None:
        copy_words(f, 0, one, 0, words)
        for w in range(words, 6 * words):
            f[w] = 0

    @kernels.inner
    def copy12(out: Any, f: Any) -> None:
        copy_words(out, 0, f, 0, 6 * words)

    @kernels.inner
    def power_of_seed(out: Any, f: Any) -> None:
        # out = f^x in the cyclotomic subgroup; out is another array than f.
        inverse = np.empty(6 * words, np.uint64)
        conjugate(inverse, 0, f, 0)
        copy12(out, f)
        for digit in seed_digits:
            cyclotomic_square(out, 0, out, 0)
            if digit > 0:
                multiply(out, 0, out, 0, f, 0)
            elif digit < 0:
                multiply(out, 0, out, 0, inverse, 0)
        if negative:
            conjugate(out, 0, out, 0)

    @kernels.inner
    def easy_part(f: Any) -> None:
        # f^((p^6 - 1)(p^2 + 1))
        parts = np.empty(4 * words, np.uint64)
        inverse = np.empty(6 * words, np.uint64)
        norm(parts, 0, f, 0)
        invert(parts, 0, parts, 0)
        finish_inverse(inverse, 0, f, 0, parts, 0)
        conjugate(f, 0, f, 0)
        multiply(f, 0, f, 0, inverse, 0)
        raise_p2(inverse, 0, f, 0, p2_factors, 0)
        multiply(f, 0, f, 0, inverse, 0)

    @kernels.inner
    def hard_part_bls12(f: Any) -> None:
        # 3 (p^4 - p^2 + 1)/r = (x - 1)^2 (x + p)(x^2 + p^2 - 1) + 3
        a = np.empty(6 * words, np.uint64)
        t = np.empty(6 * words, np.uint64)
        u = np.empty(6 * words, np.uint64)
        inverse = np.empty(6 * words, np.uint64)
        copy12(t, f)
        for _ in range(2):
            power_of_seed(a, t)
            conjugate(inverse, 0, t, 0)
            multiply(t, 0, a, 0, inverse, 0)  # f^(x - 1), then f^((x - 1)^2)
        power_of_seed(a, t)
        raise_p(u, 0, t, 0, p_factors, 0)
        multiply(a, 0, a, 0, u, 0)  # ^(x + p)
        power_of_seed(t, a)
        power_of_seed(u, t)
        raise_p2(t, 0, a, 0, p2_factors, 0)
        multiply(u, 0, u, 0, t, 0)
        conjugate(inverse, 0, a, 0)
        multiply(u, 0, u, 0, inverse, 0)  # ^(x^2 + p^2 - 1)
        cyclotomic_square(t, 0, f, 0)
        multiply(t, 0, t, 0, f, 0)
        multiply(f, 0, t, 0, u, 0)

    @kernels.inner
    def hard_part_bn(f: Any) -> None:
        # l0 + l1 p + l2 p^2 + l3 p^3 with, for u = 12x^3 + 6x^2: l1 = u + 4x, l2 = u + 6x, l3 = l1 - 1,
        # l0 = u + 6x^2 + 6x + 1.
        fx = np.empty(6 * words, np.uint64)
        f2x = np.empty(6 * words, np.uint64)
        f6x = np.empty(6 * words, np.uint64)
        f6x2 = np.empty(6 * words, np.uint64)
        u = np.empty(6 * words, np.uint64)
        t = np.empty(6 * words, np.uint64)
        power_of_seed(fx, f)
        cyclotomic_square(f2x, 0, fx, 0)
        cyclotomic_square(t, 0, f2x, 0)  # f^(4x)
        multiply(f6x, 0, t, 0, f2x, 0)
        power_of_seed(f6x2, f6x)
        cyclotomic_square(u, 0, f6x2, 0)
        power_of_seed(fx, u)  # f^(12x^3)
        multiply(u, 0, fx, 0, f6x2, 0)
        l1, l0 = fx, f6x2
        multiply(l1, 0, u, 0, t, 0)
        multiply(u, 0, u, 0, f6x, 0)  # u is l2 from here
        multiply(l0, 0, l0, 0, u, 0)
        multiply(l0, 0, l0, 0, f, 0)
        conjugate(t, 0, f, 0)
        multiply(t, 0, t, 0, l1, 0)  # l3
        # ((l3^p l2)^p l1)^p l0
        raise_p(t, 0, t, 0, p_factors, 0)
        multiply(t, 0, t, 0, u, 0)
        raise_p(t, 0, t, 0, p_factors, 0)
        multiply(t, 0, t, 0, l1, 0)
        raise_p(t, 0, t, 0, p_factors, 0)
        multiply(f, 0, t, 0, l0, 0)

    @kernels.inner
    def gather(g1: Any, g2: Any, n: int, p_points: Any, q_points: Any) -> int:
        # Finite pairs only; coordinates of P widened to Fp2, and -Q behind Q.
        count = 0
        for k in range(n):
            p_infinite, q_infinite = True, True
            for w in range(2 * limbs):
                p_infinite = p_infinite and g1[2 * limbs * k + w] == 0
            for w in range(2 * words):
                q_infinite = q_infinite and g2[2 * words * k + w] == 0
            if p_infinite or q_infinite:
                continue
            for c in range(2):
                copy_words(p_points, (2 * count + c) * words, g1, (2 * k + c) * limbs, limbs)
            copy_words(q_points, 4 * words * count, g2, 2 * words * k, 2 * words)
            copy_words(q_points, (4 * count + 2) * words, g2, 2 * words * k, words)
            negate_y(q_points, 4 * count + 3, g2, 2 * k + 1)
            count += 1
        return count

    negate_y = over_fp2(_negate, (1,), 1)

    @kernels.inner
    def miller_loop(f: Any, p_points: Any, q_points: Any, count: int) -> None:
        # step[k]: the running point (three elements), then its last line (three).
        steps = np.empty(6 * words * max(count, 1), np.uint64)
        moved = np.empty(4 * words, np.uint64)
        for k in range(count):
            copy_words(steps, 6 * words * k, q_points, 4 * words * k, 2 * words)
            copy_words(steps, 6 * words * k + 2 * words, one, 0, words)
        for digit in loop:
            square(f, 0, f, 0)
            for k in range(count):
                double_step(steps, k, steps, 2 * k, p_points, k, b, 0)
                by_line(f, 0, f, 0, steps, 2 * k + 1)
                if digit != 0:
                    add_step(steps, k, steps, 2 * k, p_points, k, q_points, 2 * k + (1 if digit < 0 else 0))
                    by_line(f, 0, f, 0, steps, 2 * k + 1)
        if is_bls:
            if negative:
                conjugate(f, 0, f, 0)
            return
        for k in range(count):
            # Two more lines: through psi(Q) and -psi^2(Q); psi(-psi(Q)) = -psi^2(Q).
            psi(moved, 0, q_points, 2 * k, psi_factors, 0)
            add_step(steps, k, steps, 2 * k, p_points, k, moved, 0)
            by_line(f, 0, f, 0, steps, 2 * k + 1)
            psi(moved, 0, moved, 0, psi_factors, 0)
            negate_y(moved, 1, moved, 1)
            add_step(steps, k, steps, 2 * k, p_points, k, moved, 0)
            by_line(f, 0, f, 0, steps, 2 * k + 1)

    @kernels.kernel(U64, U64, types.int64, U64_OUT)
    def miller_value(g1: Any, g2: Any, n: int, out: Any) -> None:
        p_points = np.zeros(2 * words * max(n, 1), np.uint64)
        q_points = np.empty(4 * words * max(n, 1), np.uint64)
        count = gather(g1, g2, n, p_points, q_points)
        set_one(out)
        if count:
            miller_loop(out, p_points, q_points, count)

    @kernels.kernel(U64, types.int64, returns=types.boolean)
    def exponentiates_to_one(values: Any, n: int) -> bool:
        f = np.empty(6 * words, np.uint64)
        set_one(f)
        for k in range(n):
            multiply(f, 0, f, 0, values, k)
        easy_part(f)
        if is_bls:
            hard_part_bls12(f)
        else:
            hard_part_bn(f)
        expected = np.empty(6 * words, np.uint64)
        set_one(expected)
        same = True
        for w in range(6 * words):
            same = same and f[w] == expected[w]
        return same

    return PairingKernels(miller_value, exponentiates_to_one)


def _negate(a: Any) -> Any:
    return -a
