"""Multiples of points in lanes where the CPU need not have the instructions, and bit patterns of every kind."""

import itertools

import numpy as np
import pytest

from kernels import get_backend, limbs_from_ints, points_from_ints
from kernels.cpu.lane_multiples import LaneMultiples
from kernels.endomorphisms import cube_root_endomorphism


@pytest.fixture
def multiples(curve):
    def of(group, logarithms):
        base = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
        reduced = limbs_from_ints([k % curve.fr.modulus for k in logarithms], 4)
        return get_backend("portable").multiply_base(curve, group, base, reduced)

    return of


def test_every_combination_of_bits_is_added(curve, multiples):
    # u + v s with u and v of two bits each: all digits, at both places.
    root = cube_root_endomorphism(curve).eigenvalue
    scalars = [(u + v * root) % curve.fr.modulus for u, v in itertools.product(range(-3, 4), repeat=2)]
    lanes = LaneMultiples(curve, "g1", native=False)
    products = lanes.multiply(multiples("g1", [5] * len(scalars)), limbs_from_ints(scalars, 4))
    assert np.array_equal(products, multiples("g1", [5 * scalar for scalar in scalars]))


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_emulated_lanes_accept_the_subgroup(curve, group, multiples):
    points = multiples(group, [1, 0, -1, 2, 5, 6, 7, 8, 9])
    assert LaneMultiples(curve, group, native=False).in_subgroup(points).all()
    assert LaneMultiples(curve, group, native=False).in_subgroup(points[:0]).shape == (0,)
