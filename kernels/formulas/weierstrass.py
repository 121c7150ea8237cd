"""Point formulas on y^2 = x^3 + b (a = 0).

XYZZ coordinates stand for x = X / ZZ, y = Y / ZZZ with ZZ^3 = ZZZ^2; infinity has ZZ = 0. Source: Explicit-Formulas
Database, short Weierstrass, xyzz (Sutherland). M is a product, S a squaring. The exceptional cases are the
callers': each formula states what it must not be given.
"""

from __future__ import annotations

from typing import Any

Element = Any
Affine = tuple[Element, Element]
XYZZ = tuple[Element, Element, Element, Element]
Slope = tuple[Element, Element]


def product(left: Element, right: Element) -> Element:
    """Product of two coordinates."""
    return left * right


def double_affine(point: Affine) -> XYZZ:
    """Twice an affine point that is not infinity (mdbl-2008-s-1: 4M + 3S). No point of odd order has y = 0."""
    x, y = point
    u = y.double()
    v = u.square()
    w = u * v
    s = x * v
    xx = x.square()
    m = xx.double() + xx
    x3 = m.square() - s.double()
    return x3, m * (s - x3) - w * y, v, w


def double(point: XYZZ) -> XYZZ:
    """Twice a point; infinity stays infinity (dbl-2008-s-1: 6M + 3S)."""
    x, y, zz, zzz = point
    u = y.double()
    v = u.square()
    w = u * v
    s = x * v
    xx = x.square()
    m = xx.double() + xx
    x3 = m.square() - s.double()
    return x3, m * (s - x3) - w * y, v * zz, w * zzz


def slope_mixed(point: XYZZ, other: Affine) -> Slope:
    """Differences P, R of the mixed addition; P = 0 means equal x, R = 0 equal y as well. Neither is infinity."""
    x1, y1, zz1, zzz1 = point
    x2, y2 = other
    return x2 * zz1 - x1, y2 * zzz1 - y1


def add_mixed(point: XYZZ, slope: Slope) -> XYZZ:
    """Finish the mixed addition for P != 0 (madd-2008-s: 8M + 2S with the slope)."""
    x1, y1, zz1, zzz1 = point
    p, r = slope
    pp = p.square()
    ppp = p * pp
    q = x1 * pp
    x3 = r.square() - (ppp + q.double())
    return x3, r * (q - x3) - y1 * ppp, zz1 * pp, zzz1 * ppp


def slope(point: XYZZ, other: XYZZ) -> tuple[Element, Element, Element, Element]:
    """U1, S1, P, R of the addition of two finite points; P = 0 means equal x, R = 0 equal y as well."""
    x1, y1, zz1, zzz1 = point
    x2, y2, zz2, zzz2 = other
    u1 = x1 * zz2
    s1 = y1 * zzz2
    return u1, s1, x2 * zz1 - u1, y2 * zzz1 - s1


def add(point: XYZZ, other: XYZZ, slope: tuple[Element, Element, Element, Element]) -> XYZZ:
    """Finish the addition for P != 0 (add-2008-s: 12M + 2S with the slope)."""
    _, _, zz1, zzz1 = point
    _, _, zz2, zzz2 = other
    u1, s1, p, r = slope
    pp = p.square()
    ppp = p * pp
    q = u1 * pp
    x3 = r.square() - (ppp + q.double())
    return x3, r * (q - x3) - s1 * ppp, zz1 * zz2 * pp, zzz1 * zzz2 * ppp


def curve_residue(point: Affine, b: Element) -> Element:
    """y^2 - x^3 - b: zero on the curve."""
    x, y = point
    return y.square() - (x.square() * x + b)
