"""e(alpha, beta) as ``verification_key.json`` holds it: for completeness, no verifier here reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from kernels.curves import BN254, Curve
from kernels.encoding import points_to_ints
from kernels.reference.field_elements import Fp2Element, FpElement
from kernels.reference.pairing import pairing_product

if TYPE_CHECKING:
    from kernels.reference.group_law import Point
    from prover.groth16.keys import VerifyingKey

Fp12Coefficients: TypeAlias = "tuple[tuple[tuple[int, int], ...], ...]"
"""Fp12 as two triples of pairs: Fp2 in Fp6 = Fp2[v]/(v^3 - xi) in Fp12 = Fp6[w]/(w^2 - v)."""


def pairing_of_alpha_beta(vk: VerifyingKey) -> Fp12Coefficients:
    """Compute e(alpha, beta) on Python integers, in about a fifth of a second.

    snarkjs' final exponentiation leaves a power of the pairing with exponent (p^12 - 1)/r, prime to r: see
    :func:`_exponent`.
    """
    curve, p = vk.curve, vk.curve.fp.modulus
    (alpha,) = points_to_ints(curve, "g1", vk.alpha_g1[np.newaxis])
    (beta,) = points_to_ints(curve, "g2", vk.beta_g2[np.newaxis])
    left = (FpElement(alpha[0], p), FpElement(alpha[1], p)) if alpha else None
    right = tuple(Fp2Element(c0, c1, curve) for c0, c1 in beta) if beta else None
    value = pairing_product(curve, [cast("tuple[Point, Point]", (left, right))])
    pairs = tuple((c.c0, c.c1) for c in (value ** _exponent(curve)).coefficients)
    return pairs[:3], pairs[3:]


def _exponent(curve: Curve) -> int:
    """The power that the usual addition chains for the final exponentiation compute.

    BN: 2 x (6 x^2 + 3 x + 1) (L. Fuentes-Castaneda, E. Knapp, F. Rodriguez-Henriquez, "Faster hashing to G2", 2011).
    BLS12: 3 (D. Hayashida, K. Hayasaka, T. Teruya, "Efficient final exponentiation", 2020).
    """
    x = curve.seed
    return 2 * x * (6 * x**2 + 3 * x + 1) if curve is BN254 else 3
