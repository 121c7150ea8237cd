import functools
import random

import pytest
from py_ecc import optimized_bls12_381, optimized_bn128

from kernels import BLS12_381, BN254, CURVES, get_backend, limbs_from_ints, points_from_ints
from kernels.cpu.features import has_ifma
from kernels.reference import ReferenceBackend
from kernels.reference.field_elements import Fp2Element, FpElement

PEERS = {BLS12_381: optimized_bls12_381, BN254: optimized_bn128}


@pytest.fixture(params=CURVES, ids=lambda curve: curve.name)
def curve(request):
    return request.param


@pytest.fixture(params=["g1", "g2"])
def group(request):
    return request.param


NO_IFMA = pytest.mark.skipif(not has_ifma(), reason="this CPU has no AVX-512 IFMA instructions")


@pytest.fixture(params=["portable", pytest.param("ifma", marks=NO_IFMA), "reference"])
def backend(request):
    return ReferenceBackend() if request.param == "reference" else get_backend(request.param)


@pytest.fixture
def rng():
    return random.Random(20)


@pytest.fixture
def multiples_of(backend, curve):
    """Multiples k G of a group's generator for integers k, as an array of points."""

    def of(group, scalars):
        base = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
        reduced = [k % curve.fr.modulus for k in scalars]
        return backend.multiply_base(curve, group, base, limbs_from_ints(reduced, 4))

    return of


@pytest.fixture
def multiples(multiples_of, group):
    return functools.partial(multiples_of, group)


@pytest.fixture
def peer(curve):
    """py_ecc's module of the curve."""
    return PEERS[curve]


@pytest.fixture
def peer_multiple(group, peer):
    """The same by py_ecc, as integers."""
    base = peer.G1 if group == "g1" else peer.G2

    def of(k):
        point = peer.multiply(base, k)
        if peer.is_inf(point):
            return None
        x, y = peer.normalize(point)
        return (int(x), int(y)) if group == "g1" else tuple(tuple(int(c) for c in e.coeffs) for e in (x, y))

    return of


@pytest.fixture
def points_by_x(curve, group):
    """The first points of the whole curve with x = 1, 2, ...: outside the subgroup almost surely, if it has others."""
    p = curve.fp.modulus

    def of(count):
        found, x = [], 1
        while len(found) < count:
            if group == "g1":
                y2 = FpElement((x**3 + curve.b) % p, p)
                point = FpElement(x, p), FpElement(pow(y2.value, (p + 1) // 4, p), p)
            else:
                y2 = Fp2Element(x**3, 0, curve) + Fp2Element(*curve.g2_b, curve)
                point = Fp2Element(x, 0, curve), fp2_square_root(y2)
            if point[1].square() == y2:
                found.append(point)
            x += 1
        return found

    return of


def fp2_square_root(a):
    """For p = 3 mod 4 (Adj and Rodriguez-Henriquez, 2012, algorithm 9); some element if there is no root."""
    p, one, u = a.curve.fp.modulus, Fp2Element(1, 0, a.curve), Fp2Element(0, 1, a.curve)
    power = a ** ((p - 3) // 4)
    alpha, root = power.square() * a, power * a
    return u * root if alpha == -one else (one + alpha) ** ((p - 1) // 2) * root
