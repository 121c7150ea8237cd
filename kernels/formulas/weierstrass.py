"""Point formulas on y^2 = x^3 + b (a = 0).

XYZZ coordinates stand for x = X / ZZ, y = Y / ZZZ with ZZ^3 = ZZZ^2; infinity has ZZ = 0. Source: Explicit-Formulas
Database, short Weierstrass, xyzz (Sutherland). M is a product, S a squaring. The exceptional cases are the
callers': each formula states what it must not be given.
"""

from __future__ import annotations

from collections.abc import Callable
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


Projective = tuple[Element, Element, Element]
"""Homogeneous, x = X / Z and y = Y / Z, or Jacobian, x = X / Z^2 and y = Y / Z^3."""


def double_jacobian(point: Projective) -> Projective:
    """Twice a point in Jacobian coordinates; Z = 0 stays (dbl-2009-l: 2M + 5S)."""
    x, y, z = point
    xx, yy = x.square(), y.square()
    yyyy = yy.square()
    d = ((x + yy).square() - xx - yyyy).double()
    e = xx.double() + xx
    x3 = e.square() - d.double()
    return x3, e * (d - x3) - yyyy.double().double().double(), (y * z).double()


def add_mixed_jacobian(point: Projective, other: Affine) -> Projective:
    """Sum with an affine point, 8M + 3S; Z = 0 if the two have equal x or Z is 0 already, right or wrong."""
    (x1, y1, z1), (x2, y2) = point, other
    zz = z1.square()
    h, r = x2 * zz - x1, y2 * (z1 * zz) - y1
    hh = h.square()
    hhh, v = h * hh, x1 * hh
    x3 = r.square() - hhh - v.double()
    return x3, r * (v - x3) - y1 * hhh, z1 * h


def jacobian_residue(point: Projective, other: Affine) -> Projective:
    """Zero, zero and Z exactly if the point is the affine one; Z must then not be zero."""
    (x, y, z), (x2, y2) = point, other
    zz = z.square()
    return x - x2 * zz, y - y2 * (z * zz), z


def chord(point: Affine, other_x: Element, slope: Element) -> Affine:
    """Third point, mirrored, of the line of that slope through a point and a second one with x ``other_x``."""
    x1, y1 = point
    x3 = slope.square() - (x1 + other_x)
    return x3, slope * (x1 - x3) - y1


def add_complete(first: Projective, second: Projective, times_b3: Callable[[Element], Element]) -> Projective:
    """Sum of any two points in homogeneous coordinates, on a curve of odd order; ``times_b3`` multiplies by 3b.

    12M and two products by 3b (Renes, Costello, Batina, "Complete addition formulas for prime order elliptic
    curves", EUROCRYPT 2016, algorithm 7). Infinity is (0, y, 0).
    """
    (x1, y1, z1), (x2, y2, z2) = first, second
    xx, yy, zz = x1 * x2, y1 * y2, z1 * z2
    xy = (x1 + y1) * (x2 + y2) - (xx + yy)
    yz = (y1 + z1) * (y2 + z2) - (yy + zz)
    xz = (x1 + z1) * (x2 + z2) - (xx + zz)
    return _finish_complete(xx, yy, times_b3(zz), xy, yz, times_b3(xz))


def add_complete_mixed(first: Projective, second: Affine, times_b3: Callable[[Element], Element]) -> Projective:
    """Sum of any point and an affine one that is not infinity: 11M and two products by 3b (ibid., algorithm 8)."""
    (x1, y1, z1), (x2, y2) = first, second
    xx, yy = x1 * x2, y1 * y2
    xy = (x1 + y1) * (x2 + y2) - (xx + yy)
    return _finish_complete(xx, yy, times_b3(z1), xy, y2 * z1 + y1, times_b3(x2 * z1 + x1))


def double_complete(point: Projective, times_b3: Callable[[Element], Element]) -> Projective:
    """Twice any point, likewise: 6M, 2S and a product by 3b (ibid., algorithm 9)."""
    x, y, z = point
    yy, b3_zz = y.square(), times_b3(z.square())
    yy8 = yy.double().double().double()
    rest = yy - (b3_zz.double() + b3_zz)
    return (x * y * rest).double(), rest * (yy + b3_zz) + yy8 * b3_zz, yy8 * (y * z)


def _finish_complete(xx: Element, yy: Element, b3_zz: Element, xy: Element, yz: Element, b3_xz: Element) -> Projective:
    plus, minus, xx3 = yy + b3_zz, yy - b3_zz, xx.double() + xx
    return xy * minus - yz * b3_xz, minus * plus + b3_xz * xx3, plus * yz + xx3 * xy


def times_small(a: Element, factor: int) -> Element:
    """Product by a small positive integer, by doubling and adding."""
    result = a
    for bit in f"{factor:b}"[1:]:
        result = result.double()
        if bit == "1":
            result = result + a
    return result


def xyzz_from_projective(point: Projective) -> XYZZ:
    """Return x = X / Z as X Z / Z^2, y = Y / Z as Y Z^2 / Z^3; infinity keeps Z = 0."""
    x, y, z = point
    zz = z.square()
    return x * z, y * zz, zz, zz * z
