"""Sizes, scalars and points that meet exceptional cases, each drawn from a seeded generator."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Sequence

import numpy as np

from kernels import Array, Curve, Group, get_backend, limbs_from_ints, points_from_ints
from kernels.reference import group_law
from kernels.reference.field_elements import Fp2Element, FpElement

EDGES = (0, 1, 7, 8, 9)
"""Numbers of elements around none and around a vector of eight lanes."""


def size(rng: random.Random, most: int) -> int:
    """A number of elements: an edge, or anything up to ``most``, small ones as likely as large ones."""
    if rng.random() < 0.4:
        return min(rng.choice(EDGES), most)
    return round(2 ** rng.uniform(0, math.log2(most)))


def _special(rng: random.Random, r: int) -> int:
    return rng.choice((
        0,
        1,
        2,
        r - 1,
        r - 2,
        r // 2,
        r // 2 + 1,
        1 << rng.randrange(254),
        (1 << rng.randrange(254)) - 1,
        r - (1 << rng.randrange(253)),
        rng.randrange(16),
        (1 << (64 * rng.randrange(4))) - 1,
        rng.randrange(1 << rng.randrange(1, 254)),
    ))  # fmt: skip


_SCALARS: dict[str, Callable[[random.Random, int, int], list[int]]] = {
    "random": lambda rng, r, n: [rng.randrange(r) for _ in range(n)],
    "special": lambda rng, r, n: [_special(rng, r) for _ in range(n)],
    "all equal": lambda rng, r, n: [rng.choice((rng.randrange(r), _special(rng, r)))] * n,
    "zeros": lambda rng, r, n: [0] * n,
    "ones": lambda rng, r, n: [1] * n,
    "largest": lambda rng, r, n: [r - 1] * n,
    "bits": lambda rng, r, n: [rng.randrange(2) for _ in range(n)],
    "tiny": lambda rng, r, n: [rng.choice((0, 1, 1, 2, 3, r - 1, r - 2)) for _ in range(n)],
    "powers of two": lambda rng, r, n: [1 << (i % 254) for i in range(n)],
    "s and -s": lambda rng, r, n: [s if i % 2 else -s % r for s in [rng.randrange(r)] for i in range(n)],
    "mostly zero": lambda rng, r, n: [rng.randrange(r) if rng.random() < 0.05 else 0 for _ in range(n)],
}


def scalars(rng: random.Random, r: int, n: int) -> tuple[str, list[int]]:
    """Integers below r, and the name of their pattern."""
    name = rng.choice(tuple(_SCALARS))
    return name, _SCALARS[name](rng, r, n)


_LOGARITHMS: dict[str, Callable[[random.Random, int, int], list[int]]] = {
    "random": lambda rng, r, n: [rng.randrange(r) for _ in range(n)],
    "all equal": lambda rng, r, n: [rng.randrange(1, r)] * n,
    "P and -P": lambda rng, r, n: [k if i % 2 else -k % r for k in [rng.randrange(1, r)] for i in range(n)],
    "infinity anywhere": lambda rng, r, n: [rng.choice((0, rng.randrange(r))) for _ in range(n)],
    "all infinity": lambda rng, r, n: [0] * n,
    "P, 2P, 4P": lambda rng, r, n: [k << (i % 5) for k in [rng.randrange(1, 1 << 200)] for i in range(n)],
    "P, 2P, 3P": lambda rng, r, n: [k * (i + 1) for k in [rng.randrange(1, 1 << 200)] for i in range(n)],
    "few": lambda rng, r, n: [rng.choice((0, 1, r - 1, 2, r - 2, 3)) for _ in range(n)],
    "sums meet": lambda rng, r, n: [k * (1, 4, 2, 3)[i % 4] for k in [rng.randrange(1, 1 << 200)] for i in range(n)],
}


def logarithms(rng: random.Random, r: int, n: int) -> tuple[str, list[int]]:
    """Discrete logarithms of points to be added up, and the name of their pattern."""
    name = rng.choice(tuple(_LOGARITHMS))
    return name, [k % r for k in _LOGARITHMS[name](rng, r, n)]


def generator(curve: Curve, group: Group) -> Array:
    """The group's generator."""
    point: Array = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
    return point


def multiples(curve: Curve, group: Group, of: Sequence[int]) -> Array:
    """Multiples of the generator, by the one-lane backend; a case of their own holds that against the oracle."""
    distinct = {k: place for place, k in enumerate(dict.fromkeys(of))}
    reduced = limbs_from_ints(list(distinct), 4).reshape(-1, 4)
    points = get_backend("portable").multiply_base(curve, group, generator(curve, group), reduced)
    return np.ascontiguousarray(points[[distinct[k] for k in of]].reshape(len(of), *curve.point_shape(group)))


def oracle_multiples(curve: Curve, group: Group, of: Sequence[int]) -> Array:
    """The same by the reference: affine additions of Python integers."""
    (base,) = group_law.decode(curve, group, generator(curve, group)[None])
    return group_law.encode(curve, group, group_law.multiples(base, [k % curve.fr.modulus for k in of]))


@functools.cache
def points_of_the_curve(curve: Curve, group: Group) -> tuple[Array, list[bool]]:
    """Points on the curve, and whether each lies in the subgroup of order r, by the oracle.

    Infinity, multiples of the generator, points outside the subgroup where there is a cofactor h, their r-fold, whose
    order divides h, and points whose order is a small prime factor of h.
    """
    r = curve.fr.modulus
    h = curve.g1_cofactor if group == "g1" else curve.g2_cofactor
    (base,) = group_law.decode(curve, group, generator(curve, group)[None])
    found = [None, base, group_law.multiply(base, 2), group_law.multiply(base, r - 1), group_law.multiply(base, r // 3)]
    outside = [_with_x(curve, group, x) for x in range(1, 40)]
    for point in [point for point in outside if point is not None][:4]:
        torsion = group_law.multiply(point, r)
        found += [point, torsion, group_law.add(torsion, base)]
        found += [group_law.multiply(torsion, h // q) for q in (3, 5, 7, 11, 13, 23, 10069, 10177) if h % q == 0]
    inside = [group_law.multiply(point, r) is None for point in found]
    return group_law.encode(curve, group, found), inside


def _with_x(curve: Curve, group: Group, x: int) -> group_law.Point:
    p = curve.fp.modulus
    if group == "g1":
        y = FpElement(pow(x**3 + curve.b, (p + 1) // 4, p), p)
        point = FpElement(x, p), y
    else:
        point = Fp2Element(x, 0, curve), _square_root(Fp2Element(x**3, 0, curve) + Fp2Element(*curve.g2_b, curve))
    return point if group_law.is_on_curve(curve, group, point) else None


def _square_root(a: Fp2Element) -> Fp2Element:
    """For p = 3 mod 4 (Adj and Rodriguez-Henriquez, 2012, algorithm 9); some element if there is no root."""
    p, one, u = a.curve.fp.modulus, Fp2Element(1, 0, a.curve), Fp2Element(0, 1, a.curve)
    power = a ** ((p - 3) // 4)
    alpha, root = power.square() * a, power * a
    return u * root if alpha == -one else (one + alpha) ** ((p - 1) // 2) * root
