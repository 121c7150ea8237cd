"""The tower Fp12 = Fp6[w]/(w^2 - v), Fp6 = Fp2[v]/(v^3 - xi), over any representation of Fp2.

An Fp6 element is a triple (a0, a1, a2) = a0 + a1 v + a2 v^2; an Fp12 element is six Fp2 elements, the triple of the
constant part and the triple of the w part. Elements of Fp2 offer ``+ - *``, ``square``, ``double``, ``conjugate``
and ``times_xi``.

References
----------
A. Devegili, C. O hEigeartaigh, M. Scott, R. Dahab, "Multiplication and squaring on pairing-friendly fields", 2006.
R. Granger, M. Scott, "Faster squaring in the cyclotomic subgroup of sixth degree extensions", PKC 2010, section 3.2.
"""

from __future__ import annotations

from typing import Any

Fp2 = Any
Fp6 = tuple[Fp2, Fp2, Fp2]
Fp12 = tuple[Fp2, Fp2, Fp2, Fp2, Fp2, Fp2]


def add6(a: Fp6, b: Fp6) -> Fp6:
    """Sum in Fp6."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def subtract6(a: Fp6, b: Fp6) -> Fp6:
    """Difference in Fp6."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def times_v(a: Fp6) -> Fp6:
    """Product by v."""
    return a[2].times_xi(), a[0], a[1]


def multiply6(a: Fp6, b: Fp6) -> Fp6:
    """Product in Fp6 by Karatsuba's method: six products."""
    low, middle, high = a[0] * b[0], a[1] * b[1], a[2] * b[2]
    return (
        low + ((a[1] + a[2]) * (b[1] + b[2]) - middle - high).times_xi(),
        (a[0] + a[1]) * (b[0] + b[1]) - low - middle + high.times_xi(),
        (a[0] + a[2]) * (b[0] + b[2]) - low - high + middle,
    )


def multiply6_by_01(a: Fp6, b0: Fp2, b1: Fp2) -> Fp6:
    """Product by b0 + b1 v: five products."""
    low, middle = a[0] * b0, a[1] * b1
    return (
        low + ((a[1] + a[2]) * b1 - middle).times_xi(),
        (a[0] + a[1]) * (b0 + b1) - low - middle,
        (a[0] + a[2]) * b0 - low + middle,
    )


def multiply6_by_1(a: Fp6, b1: Fp2) -> Fp6:
    """Product by b1 v: three products."""
    return (a[2] * b1).times_xi(), a[0] * b1, a[1] * b1


def multiply12(a: Fp12, b: Fp12) -> Fp12:
    """Product in Fp12: 18 products."""
    a0, a1, b0, b1 = a[:3], a[3:], b[:3], b[3:]
    low, high = multiply6(a0, b0), multiply6(a1, b1)
    cross = multiply6(add6(a0, a1), add6(b0, b1))
    return *add6(low, times_v(high)), *subtract6(subtract6(cross, low), high)


def square12(a: Fp12) -> Fp12:
    """Square in Fp12 by the complex method: 12 products."""
    a0, a1 = a[:3], a[3:]
    cross = multiply6(a0, a1)
    both = multiply6(add6(a0, a1), add6(a0, times_v(a1)))
    first = subtract6(subtract6(both, cross), times_v(cross))
    return *first, *(c.double() for c in cross)


def multiply12_by_014(a: Fp12, line: Fp6) -> Fp12:
    """Product by l0 + l1 v + l2 v w, a line on an M-type twist: 13 products."""
    l0, l1, l2 = line
    a0, a1 = a[:3], a[3:]
    low, high = multiply6_by_01(a0, l0, l1), multiply6_by_1(a1, l2)
    cross = multiply6_by_01(add6(a0, a1), l0, l1 + l2)
    return *add6(low, times_v(high)), *subtract6(subtract6(cross, low), high)


def multiply12_by_034(a: Fp12, line: Fp6) -> Fp12:
    """Product by l0 + l1 w + l2 v w, a line on a D-type twist: 13 products."""
    l0, l1, l2 = line
    a0, a1 = a[:3], a[3:]
    low = (a0[0] * l0, a0[1] * l0, a0[2] * l0)
    high = multiply6_by_01(a1, l1, l2)
    cross = multiply6_by_01(add6(a0, a1), l0 + l1, l2)
    return *add6(low, times_v(high)), *subtract6(subtract6(cross, low), high)


def conjugate12(a: Fp12) -> Fp12:
    """The p^6-th power; in the cyclotomic subgroup also the inverse."""
    return *a[:3], *(-c for c in a[3:])


def norm_to_fp2(a: Fp12) -> tuple[Fp2, Fp2, Fp2, Fp2]:
    """First half of an inversion: the Fp2 element to invert, and the triple that finishes Fp6's part."""
    a0, a1 = a[:3], a[3:]
    n = subtract6(multiply6(a0, a0), times_v(multiply6(a1, a1)))
    t0 = n[0].square() - (n[1] * n[2]).times_xi()
    t1 = n[2].square().times_xi() - n[0] * n[1]
    t2 = n[1].square() - n[0] * n[2]
    return n[0] * t0 + (n[2] * t1 + n[1] * t2).times_xi(), t0, t1, t2


def inverse_from_norm(a: Fp12, parts: tuple[Fp2, Fp2, Fp2, Fp2]) -> Fp12:
    """Second half of an inversion: ``parts`` as from :func:`norm_to_fp2`, the first one inverted."""
    inverse, t0, t1, t2 = parts
    n = (t0 * inverse, t1 * inverse, t2 * inverse)
    return *multiply6(a[:3], n), *(-c for c in multiply6(a[3:], n))


def _square4(a: Fp2, b: Fp2) -> tuple[Fp2, Fp2]:
    """(a + b y)^2 in Fp4 = Fp2[y]/(y^2 - xi)."""
    product = a * b
    return (a + b) * (a + b.times_xi()) - product - product.times_xi(), product.double()


def cyclotomic_square(a: Fp12) -> Fp12:
    """Square of an element of the cyclotomic subgroup: 6 products (Granger and Scott)."""
    z0, z4, z3, z2, z1, z5 = a
    t0, t1 = _square4(z0, z1)
    t2, t3 = _square4(z2, z3)
    t4, t5 = _square4(z4, z5)
    return (
        _thrice_less_twice(t0, z0),
        _thrice_less_twice(t2, z4),
        _thrice_less_twice(t4, z3),
        _thrice_plus_twice(t5.times_xi(), z2),
        _thrice_plus_twice(t1, z1),
        _thrice_plus_twice(t3, z5),
    )


def _thrice_less_twice(t: Fp2, z: Fp2) -> Fp2:
    return (t - z).double() + t


def _thrice_plus_twice(t: Fp2, z: Fp2) -> Fp2:
    return (t + z).double() + t


def frobenius(a: Fp12, factors: Fp12) -> Fp12:
    """The p-th power; ``factors[i]`` is xi^(e_i (p - 1)/6) with e_i the power of w at place i: 0, 2, 4, 1, 3, 5."""
    return tuple(c.conjugate() * factor for c, factor in zip(a, factors, strict=True))


def frobenius_squared(a: Fp12, factors: Fp12) -> Fp12:
    """The p^2-th power, with the factors raised to p + 1."""
    return tuple(c * factor for c, factor in zip(a, factors, strict=True))
