import functools
import random

import pytest
from py_ecc import optimized_bls12_381, optimized_bn128

from kernels import BLS12_381, BN254, CURVES, get_backend, limbs_from_ints, points_from_ints
from kernels.reference import ReferenceBackend

PEERS = {BLS12_381: optimized_bls12_381, BN254: optimized_bn128}


@pytest.fixture(params=CURVES, ids=lambda curve: curve.name)
def curve(request):
    return request.param


@pytest.fixture(params=["g1", "g2"])
def group(request):
    return request.param


@pytest.fixture(params=["portable", "reference"])
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
