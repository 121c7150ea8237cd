"""Eight inverses for one inversion."""

import random

import numpy as np
import pytest
from numba import types

from kernels import BLS12_381, BN254
from kernels.cpu.compilation import U64, U64_OUT, KernelSet
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_field import limb_count
from kernels.cpu.lane_inversion import lane_inversion
from kernels.cpu.lane_points import lane_points
from kernels.cpu.lane_vectors import LANES, MASK, RADIX
from kernels.cpu.operation import operation


def vector(numbers, limbs):
    out = np.zeros((len(numbers[0]), limbs, LANES), np.uint64)
    for lane, parts in enumerate(numbers):
        for c, value in enumerate(parts):
            out[c, :, lane] = [(value >> (RADIX * j)) & MASK for j in range(limbs)]
    return out.reshape(-1)


def residues(words, degree, p):
    block = words.reshape(degree, -1, LANES)
    return [
        [sum(int(word) << (RADIX * j) for j, word in enumerate(block[c, :, lane])) % p for c in range(degree)]
        for lane in range(LANES)
    ]


def short_product(a, b):
    return a.short_product(b) * b


@pytest.mark.parametrize("native", [False, True], ids=["emulated", "native"])
@pytest.mark.parametrize("group", ["g1", "g2"])
@pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)
def test_a_vector_becomes_its_inverses_unless_a_lane_is_zero(curve, group, native):
    if native and not has_ifma():
        pytest.skip("this CPU has no IFMA")
    if not native and (curve, group) != (BN254, "g1"):
        pytest.skip("the definition is compared on BN254, where bounds are tight and compilation is quick")
    kernels = KernelSet(f"test.{curve.name}.{group}.lane_inversion.{native}")
    inverses, lanes = lane_inversion(kernels, curve, group, native), lane_points(curve, group, native)
    invert_lanes, set_one, multiply = inverses.invert_lanes, inverses.set_one, lanes.multiply
    multiply_short = operation(lanes.spec, short_product, (1, 1), 1)

    @kernels.kernel(U64, types.int64, U64_OUT, returns=types.boolean)
    def run(values, short, out):
        # Element 0 of the output: the inverses; 1: one; 2: values times inverses, or, by a short product and
        # another, short inverses times values times values.
        for k in range(len(values)):
            out[k] = values[k]
        done = invert_lanes(out, 0, short)
        set_one(out, 1)
        if short:
            multiply_short(out, 2, out, 0, values, 0)
        else:
            multiply(out, 2, out, 0, values, 0)
        return done

    p, seeded, degree = curve.fp.modulus, random.Random(2), lanes.layout.degree
    limbs = limb_count(curve.fp)
    for zero, short in [(None, 1), *((zero, 0) for zero in (None, *range(LANES)))]:
        numbers = [[seeded.randrange(1, 2 * p) for _ in range(degree)] for _ in range(LANES)]
        numbers[0][0] = 2 * p - 1
        numbers[1][0] = 1
        if zero is not None:
            numbers[zero] = [seeded.choice([0, p]) for _ in range(degree)]
        values = vector(numbers, limbs)
        out = np.zeros(3 * len(values), np.uint64)
        done = run(values, short, out)
        inverse, one, product = (residues(part, degree, p) for part in out.reshape(3, -1))
        assert done == (zero is None)
        if done:
            assert product == ([[part % p for part in parts] for parts in numbers] if short else one)
        else:
            assert inverse == [[part % p for part in parts] for parts in numbers]
