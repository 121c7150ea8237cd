"""Sums from window tables against the oracle's."""

import random

import numpy as np
import pytest

from kernels import get_backend, limbs_from_ints, points_from_ints
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_window_sum import WindowTables, affine_from_projective
from kernels.reference import ReferenceBackend

WITH_IFMA = pytest.param(
    True, id="ifma", marks=pytest.mark.skipif(not has_ifma(), reason="this CPU has no AVX-512 IFMA instructions")
)


@pytest.mark.parametrize("native", [WITH_IFMA, pytest.param(False, id="emulated")])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_sums_are_those_of_the_oracle(curve, native, n):
    rng, r = random.Random(n), curve.fr.modulus
    base = points_from_ints(curve, "g1", [curve.g1_generator])[0]
    # Equal, opposite and infinite points among them.
    logarithms = [rng.randrange(r), 1, 1, r - 1, 0, rng.randrange(r), rng.randrange(r)][:n]
    points = get_backend("portable").multiply_base(curve, "g1", base, limbs_from_ints(logarithms, 4))
    tables, oracle = WindowTables(curve, points, native=native), ReferenceBackend()
    bases = oracle.load_bases(curve, "g1", points)
    hostile = [0, 1, r - 1, r - 2, 7, 8, 9, 15, 16, 136, (1 << 252) - 1, sum(8 << (4 * j) for j in range(63))]
    vectors = [[k] * n for k in hostile] + [rng.sample(hostile, n), [rng.randrange(r) for _ in range(n)]]
    for vector in vectors:
        scalars = limbs_from_ints([k % r for k in vector], 4)
        got = affine_from_projective(curve, tables.sum(scalars))
        assert np.array_equal(got, oracle.msm(bases, scalars)), vector


def test_no_points_have_an_infinite_sum(curve):
    tables = WindowTables(curve, np.zeros((0, *curve.point_shape("g1")), np.uint64), native=False)
    assert not tables.sum(np.zeros((0, 4), np.uint64))[2].any()
