"""The lane algorithms where the CPU need not have the instructions: slow, so on one group of each degree."""

import random

import numpy as np
import pytest

from kernels import BN254, get_backend, limbs_from_ints, points_from_ints
from kernels.cpu.features import has_ifma
from kernels.cpu.ifma import IfmaBackend


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_emulated_lanes_multiply_hostile_bases(group):
    curve, portable, lanes = BN254, get_backend("portable"), IfmaBackend(native=False)
    generator = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
    seeded, r = random.Random(3), curve.fr.modulus
    logarithms = [5, r - 5, 5, 5, 0, 1, 2, 4, *(seeded.randrange(r) for _ in range(41))]
    points = portable.multiply_base(curve, group, generator, limbs_from_ints(logarithms, 4))
    for scalars in ([1] * 49, [r - 1] * 49, [seeded.randrange(r) for _ in range(49)], [0] * 49):
        vector = limbs_from_ints(scalars, 4)
        wanted = portable.msm(portable.load_bases(curve, group, points), vector)
        for table_bytes in (0, 1 << 24):
            assert np.array_equal(lanes.msm(lanes.load_bases(curve, group, points, table_bytes), vector), wanted)


@pytest.mark.skipif(has_ifma(), reason="this CPU has IFMA")
def test_a_cpu_without_the_instructions_is_told_what_to_use():
    with pytest.raises(ValueError, match="portable"):
        IfmaBackend()
