"""Subgroup checks in G1, two points a vector and eight, on the instructions and by their definition."""

import numpy as np
import pytest

from kernels import BLS12_381, BN254, points_from_ints
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_membership import in_subgroup
from kernels.reference import ReferenceBackend, group_law

WITH_IFMA = pytest.param(
    True, id="ifma", marks=pytest.mark.skipif(not has_ifma(), reason="this CPU has no AVX-512 IFMA instructions")
)


@pytest.fixture(scope="module")
def points():
    """Infinity, points of order 3 and 11, other strangers, members; and whether each is a member."""
    curve = BLS12_381
    r, h, p = curve.fr.modulus, curve.g1_cofactor, curve.fp.modulus
    strangers, x = [], 1
    while len(strangers) < 3:
        y = pow(x**3 + curve.b, (p + 1) // 4, p)
        if (y * y - x**3 - curve.b) % p == 0:
            strangers.append((x, y))
        x += 1
    (g,) = group_law.decode(curve, "g1", points_from_ints(curve, "g1", [curve.g1_generator]))
    decoded = group_law.decode(curve, "g1", points_from_ints(curve, "g1", [*strangers, (0, 2)]))
    small = [group_law.multiply(point, r * h // q) for point in decoded for q in (3, 11)]
    outside = [*decoded, *(point for point in small if point is not None)]
    outside += [group_law.add(point, g) for point in outside]
    members = [group_law.multiply(g, k) for k in (1, 2, r - 1, curve.seed**2 % r, 12345)]
    both = [None, *(point for pair in zip(outside, members * 9, strict=False) for point in pair), *members]
    inside = [point is None or point in members for point in both]
    return group_law.encode(curve, "g1", both), np.array(inside)


@pytest.mark.parametrize("native", [WITH_IFMA, pytest.param(False, id="emulated")])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 40])
def test_members_are_told_from_strangers(points, native, n):
    array, wanted = points
    assert not wanted.all()
    parts = [in_subgroup(BLS12_381, array[i : i + n], native=native) for i in range(0, len(array), n)]
    assert np.array_equal(np.concatenate(parts), wanted)


def test_the_oracle_agrees(points):
    array, wanted = points
    assert np.array_equal(ReferenceBackend().in_subgroup(BLS12_381, "g1", array), wanted)


def test_there_may_be_none():
    assert in_subgroup(BLS12_381, np.zeros((0, 2, 6), np.uint64), native=False).shape == (0,)


def test_where_the_curve_is_the_group_all_are_members():
    array = points_from_ints(BN254, "g1", [None, BN254.g1_generator])
    assert in_subgroup(BN254, array, native=False).tolist() == [True, True]
    assert in_subgroup(BN254, array[:0], native=False).shape == (0,)
