"""Steps of the Miller loop on the twist, in homogeneous projective coordinates.

A line is a triple of Fp2 elements, evaluated at P = (xP, yP): on an M-type twist it stands for l0 + l1 v + l2 v w,
on a D-type twist for l0 + l1 w + l2 v w. Lines are right up to a factor in Fp2, which the final exponentiation
removes.

References
----------
C. Costello, T. Lange, M. Naehrig, "Faster pairing computations on curves with high-degree twists", PKC 2010.
D. Aranha, K. Karabina, P. Longa, C. Gebotys, J. Lopez, "Faster explicit formulas for computing pairings over
ordinary curves", EUROCRYPT 2011, section 4.
"""

from __future__ import annotations

from typing import Any

Fp2 = Any
Projective = tuple[Fp2, Fp2, Fp2]
Line = tuple[Fp2, Fp2, Fp2]


def _double(t: Projective, b: Fp2) -> tuple[Projective, Fp2, Fp2, Fp2]:
    """2T scaled by 4, and the line's coefficients: constant, of xP, of yP."""
    x, y, z = t
    yy, zz = y.square(), z.square()
    e = b * (zz.double() + zz)
    f = e.double() + e
    h = (y + z).square() - (yy + zz)
    xx = x.square()
    ee = e.square()
    ee3 = ee.double() + ee
    doubled = (
        (x * y * (yy - f)).double(),
        (yy + f).square() - ee3.double().double(),
        (yy * h).double().double(),
    )
    return doubled, e - yy, xx.double() + xx, -h


def _add(t: Projective, q: tuple[Fp2, Fp2]) -> tuple[Projective, Fp2, Fp2, Fp2]:
    """T + Q, and the line's coefficients: constant, of xP, of yP. T is neither Q, nor -Q, nor infinity."""
    x, y, z = t
    xq, yq = q
    theta, lam = y - yq * z, x - xq * z
    c, d = theta.square(), lam.square()
    e, f, g = lam * d, z * c, x * d
    h = e + f - g.double()
    return (lam * h, theta * (g - h) - e * y, z * e), theta * xq - lam * yq, -theta, lam


def double_step_m(t: Projective, p: tuple[Fp2, Fp2], b: Fp2) -> tuple[Fp2, Fp2, Fp2, Fp2, Fp2, Fp2]:
    """Doubling on an M-type twist: 2T, then the line."""
    doubled, constant, by_x, by_y = _double(t, b)
    return *doubled, constant, by_x.scale(p[0]), by_y.scale(p[1])


def add_step_m(t: Projective, p: tuple[Fp2, Fp2], q: tuple[Fp2, Fp2]) -> tuple[Fp2, Fp2, Fp2, Fp2, Fp2, Fp2]:
    """Addition on an M-type twist: T + Q, then the line."""
    total, constant, by_x, by_y = _add(t, q)
    return *total, constant, by_x.scale(p[0]), by_y.scale(p[1])


def double_step_d(t: Projective, p: tuple[Fp2, Fp2], b: Fp2) -> tuple[Fp2, Fp2, Fp2, Fp2, Fp2, Fp2]:
    """Doubling on a D-type twist: 2T, then the line."""
    doubled, constant, by_x, by_y = _double(t, b)
    return *doubled, by_y.scale(p[1]), by_x.scale(p[0]), constant


def add_step_d(t: Projective, p: tuple[Fp2, Fp2], q: tuple[Fp2, Fp2]) -> tuple[Fp2, Fp2, Fp2, Fp2, Fp2, Fp2]:
    """Addition on a D-type twist: T + Q, then the line."""
    total, constant, by_x, by_y = _add(t, q)
    return *total, by_y.scale(p[1]), by_x.scale(p[0]), constant


def residue(t: Projective, q: tuple[Fp2, Fp2]) -> Projective:
    """Zero, zero and Z exactly if T = Q; Z must then not be zero."""
    x, y, z = t
    return x - z * q[0], y - z * q[1], z


def twisted_frobenius(q: tuple[Fp2, Fp2], factors: tuple[Fp2, Fp2]) -> tuple[Fp2, Fp2]:
    """The p-power endomorphism psi carried to the twist; see :func:`kernels.endomorphisms.twist_factors`."""
    return q[0].conjugate() * factors[0], q[1].conjugate() * factors[1]
