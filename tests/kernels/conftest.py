import random

import pytest
from py_ecc import optimized_bls12_381, optimized_bn128

from kernels import BLS12_381, BN254, CURVES, get_backend, limbs_from_ints, points_from_ints

PEERS = {BLS12_381: optimized_bls12_381, BN254: optimized_bn128}


@pytest.fixture(params=CURVES, ids=lambda curve: curve.name)
def curve(request):
    return request.param


@pytest.fixture(params=["g1", "g2"])
def group(request):
    return request.param


@pytest.fixture(params=["portable"])
def backend(request):
    return get_backend(request.param)


@pytest.fixture
def rng():
    return random.Random(20)


@pytest.fixture
def generator(curve, group):
    return points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]


@pytest.fixture
def multiples(backend, curve, group, generator):
    """Multiples k G of the generator for integers k, as an array of points."""

    def of(scalars):
        reduced = [k % curve.fr.modulus for k in scalars]
        return backend.multiply_base(curve, group, generator, limbs_from_ints(reduced, 4))

    return of


@pytest.fixture
def peer_multiple(curve, group):
    """The same by py_ecc, as integers."""
    peer = PEERS[curve]
    base = peer.G1 if group == "g1" else peer.G2

    def of(k):
        point = peer.multiply(base, k)
        if peer.is_inf(point):
            return None
        x, y = peer.normalize(point)
        return (int(x), int(y)) if group == "g1" else tuple(tuple(int(c) for c in e.coeffs) for e in (x, y))

    return of
