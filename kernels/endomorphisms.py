"""Endomorphisms of the curve groups that multiply the subgroup of order r by a short scalar.

An endomorphism E with characteristic polynomial chi that acts as ``eigenvalue`` on the subgroup finds membership out:
a point of the curve with E(P) = eigenvalue P is killed by chi(eigenvalue) as well as by the curve's order, and the
tests hold that r is their greatest common divisor.

References
----------
- M. Scott, "A note on group membership tests for G1, G2 and GT on BLS pairing-friendly curves", 2021.
- Y. Dai, K. Lin, C.-A. Zhao, Z. Zhou, "Fast subgroup membership testings for G1, G2 and GT on pairing-friendly
  curves", 2022.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from kernels.curves import Curve, Fp2, Group


@dataclass(frozen=True)
class Endomorphism:
    """The map (x, y) to (factors[0] x*, factors[1] y*), where * is the p-th power.

    Attributes
    ----------
    eigenvalue
        The integer that it multiplies the subgroup by.
    trace, norm
        Its characteristic polynomial X^2 - trace X + norm.
    """

    factors: tuple[Fp2, Fp2]
    eigenvalue: int
    trace: int
    norm: int


@functools.cache
def membership_endomorphism(curve: Curve, group: Group) -> Endomorphism | None:
    """Endomorphism that tells the subgroup's points from others; ``None`` if the whole curve is the subgroup."""
    if group == "g2":
        return psi(curve)
    return None if curve.g1_cofactor == 1 else cube_root_endomorphism(curve)


@functools.cache
def psi(curve: Curve) -> Endomorphism:
    """Frobenius, carried to the twist: it acts as p, which is t - 1 modulo r = p + 1 - t."""
    t = _trace(curve)
    return Endomorphism(twist_factors(curve), t - 1, t, curve.fp.modulus)


@functools.cache
def cube_root_endomorphism(curve: Curve) -> Endomorphism:
    """Endomorphism of G1 that multiplies x by a cube root of unity of Fp; on BLS12 curves it acts as -seed^2.

    Frobenius is (t + f s) / 2 with s = 2 phi + 1 = sqrt(-3) and 3 f^2 = 4 p - t^2. It is one on G1, which gives the
    action of phi modulo r, and zero on differentials, which gives the cube root modulo p; both for either sign of f.
    """
    p, r, t = curve.fp.modulus, curve.fr.modulus, _trace(curve)
    if curve.name.startswith("bls12"):
        eigenvalue = -(curve.seed**2)
    else:
        eigenvalue = next(root for base in range(2, r) if (root := pow(base, (r - 1) // 3, r)) != 1)
    root = math.isqrt((4 * p - t * t) // 3)
    (f,) = (f for f in (root, -root) if ((2 * eigenvalue + 1) * f - (2 - t)) % r == 0)
    beta = -(t + f) * pow(2 * f, -1, p) % p
    return Endomorphism(((beta, 0), (1, 0)), eigenvalue, -1, 1)


def _trace(curve: Curve) -> int:
    return curve.fp.modulus + 1 - curve.fr.modulus * curve.g1_cofactor


def twist_factors(curve: Curve) -> tuple[Fp2, Fp2]:
    """Factors of the conjugated coordinates under psi, the p-th power carried to the twist.

    On a D-type twist a point untwists to (x w^2, y w^3), so psi multiplies by xi^((p-1)/3) and xi^((p-1)/2); on an
    M-type twist by their inverses.
    """
    p = curve.fp.modulus
    sign = 1 if curve.twist == "D" else -1
    order = p * p - 1
    return (
        fp2_power(curve.xi, sign * (p - 1) // 3 % order, p),
        fp2_power(curve.xi, sign * (p - 1) // 2 % order, p),
    )


def fp2_power(base: Fp2, exponent: int, p: int) -> Fp2:
    """Power in Fp2 = Fp[u] / (u^2 + 1) for an exponent that is not negative."""
    result = (1, 0)
    for bit in f"{exponent:b}":
        a, b = result
        result = ((a + b) * (a - b) % p, 2 * a * b % p)
        if bit == "1":
            (a, b), (c, d) = result, base
            result = ((a * c - b * d) % p, (a * d + b * c) % p)
    return result


def signed_digits(value: int) -> list[int]:
    """Non-adjacent form of a positive integer: digits -1, 0, 1, most significant (1) first, few of them not 0."""
    digits = []
    while value:
        digit = 2 - value % 4 if value % 2 else 0
        digits.append(digit)
        value = (value - digit) // 2
    return digits[::-1]
