"""Products of optimal ate pairings on Python integers.

References
----------
F. Vercauteren, "Optimal pairings", 2010.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernels.curves import Curve
from kernels.formulas import miller, tower
from kernels.reference.field_elements import Fp2Element, Fp12Element, FpElement, fp12_one
from kernels.reference.group_law import Point

G1Point = tuple[FpElement, FpElement]
G2Point = tuple[Fp2Element, Fp2Element]


def miller_function(curve: Curve, p: G1Point, q: G2Point) -> Fp12Element:
    """Pairing of two finite points before the final exponentiation."""
    double_step, add_step, multiply_by_line = (
        (miller.double_step_m, miller.add_step_m, tower.multiply12_by_014)
        if curve.twist == "M"
        else (miller.double_step_d, miller.add_step_d, tower.multiply12_by_034)
    )
    b, f = Fp2Element(*curve.g2_b, curve), fp12_one(curve)
    t: miller.Projective = (*q, Fp2Element(1, 0, curve))

    def step(f: Fp12Element, moved: tuple[Fp2Element, ...]) -> Fp12Element:
        nonlocal t
        t = moved[0], moved[1], moved[2]
        return Fp12Element(multiply_by_line(f.coefficients, (moved[3], moved[4], moved[5])))

    # BLS12: f_(x, Q)(P). BN: f_(6x + 2, Q)(P) and the lines through psi(Q) and -psi^2(Q).
    bls12 = curve.fr.modulus == curve.seed**4 - curve.seed**2 + 1
    length = abs(curve.seed) if bls12 else 6 * curve.seed + 2
    for bit in f"{length:b}"[1:]:
        f = step(f.square(), double_step(t, p, b))
        if bit == "1":
            f = step(f, add_step(t, p, q))
    if bls12:
        return f.conjugate() if curve.seed < 0 else f
    once = psi(curve, q)
    x, y = psi(curve, once)  # psi^2(Q)
    f = step(f, add_step(t, p, once))
    return step(f, add_step(t, p, (x, -y)))


def psi(curve: Curve, q: G2Point) -> G2Point:
    """The Frobenius endomorphism carried to the twist.

    A point untwists to (x w^2, y w^3) on a D-twist and to (x / w^2, y / w^3) on an M-twist; w^6 = xi.
    """
    power = Fp2Element(*curve.xi, curve) ** ((curve.fp.modulus - 1) // 6)  # w^(p - 1)
    if curve.twist == "M":
        power = power.inverse()
    x, y = miller.twisted_frobenius(q, (power.square(), power * power.square()))
    return x, y


def pairing_product(curve: Curve, pairs: Sequence[tuple[Point, Point]]) -> Fp12Element:
    """Product of e(P, Q) = f(P, Q)^((p^12 - 1) / r); pairs with infinity count as one."""
    f = fp12_one(curve)
    for p, q in pairs:
        if p is not None and q is not None:
            f *= miller_function(curve, p, q)
    f = f.conjugate() * f.inverse()  # to the p^6 - 1
    return f ** ((curve.fp.modulus**6 + 1) // curve.fr.modulus)


def pairing_product_is_one(curve: Curve, pairs: Sequence[tuple[Point, Point]]) -> bool:
    """Whether the product of e(P, Q) is one."""
    return pairing_product(curve, pairs) == fp12_one(curve)
