"""Additions of points in slots, at the ends of what coordinates there may be."""

import random
from itertools import product

import numpy as np
import pytest
from numba import types

from kernels import BLS12_381, BN254
from kernels.cpu.compilation import U64_OUT, KernelSet
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_additions import additions
from kernels.cpu.lane_field import limb_count, short_products
from kernels.cpu.lane_inversion import lane_inversion
from kernels.cpu.lane_points import LanePointSpec, lane_points
from kernels.cpu.lane_slots import LEVELS, UnreducedSlots, slots_of
from kernels.cpu.lane_vectors import LANES, MASK, RADIX

RUN, KEPT, PRODUCTS, POINT = 0, 1, 3, 3  # elements, and the first of the points: elements 6 and 7


def carried(values, limbs):
    """``uint64[limbs, 8]`` of integers, the last limb signed."""
    out = np.zeros((limbs, LANES), np.int64)
    for lane, value in enumerate(values):
        for j in range(limbs - 1):
            out[j, lane] = (value >> (RADIX * j)) & MASK
        out[-1, lane] = value >> (RADIX * (limbs - 1))
    return out.view(np.uint64)


def in_rows(rows, coordinate_words, unit, p):
    """Residues of the coordinates in rows."""
    flat = rows.reshape(LANES, -1, coordinate_words)
    values = [[sum(int(w) << (64 * k) for k, w in enumerate(part)) for part in row] for row in flat]
    assert all(value < 2 * p for row in values for value in row)
    return [[value * unit % p for value in row] for row in values]


def times(a, b, p):
    """Product of elements of the field, or of its quadratic extension."""
    if len(a) == 1:
        return [a[0] * b[0] % p]
    return [(a[0] * b[0] - a[1] * b[1]) % p, (a[0] * b[1] + a[1] * b[0]) % p]


def inverse(a, p):
    if len(a) == 1:
        return [pow(a[0], -1, p)]
    norm = pow(a[0] * a[0] + a[1] * a[1], -1, p)
    return [a[0] * norm % p, -a[1] * norm % p]


def minus(a, b, p):
    return [(x - y) % p for x, y in zip(a, b, strict=True)]


def multiples_before_the_last_level(slots):
    """Of p: how far a coordinate may be from a residue when the last sum is made of it."""
    if isinstance(slots, UnreducedSlots):
        most = 5 << LEVELS - 1
        return [-most, 0, most - 1]
    return [0, 1]


@pytest.mark.parametrize("native", [False, True], ids=["emulated", "native"])
@pytest.mark.parametrize("group", ["g1", "g2"])
@pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)
def test_sums_are_right_at_both_ends_of_a_coordinate(curve, group, native):
    if native and not has_ifma():
        pytest.skip("this CPU has no IFMA")
    if not native and (curve, group) != (BLS12_381, "g1"):
        pytest.skip("the definition is compared on one group with unreduced slots; compilation is slow")
    kernels = KernelSet(f"test.{curve.name}.{group}.lane_slots.{native}")
    steps, inverses = additions(curve, group, native), lane_inversion(kernels, curve, group, native)
    set_one, invert_lanes = inverses.set_one, inverses.invert_lanes
    begin_points, finish, store = steps.begin_points, steps.finish, steps.store
    words = lane_points(curve, group, native).spec.words

    @kernels.kernel(U64_OUT, U64_OUT, returns=types.boolean)
    def run(room, workspace):
        none = np.zeros(8, np.uint32)
        set_one(room, PRODUCTS)
        begin_points(room, KEPT, PRODUCTS, 2 * POINT, 2 * POINT + 2)
        for k in range(words):
            room[RUN * words + k] = room[(PRODUCTS + 1) * words + k]
        if not invert_lanes(room, RUN, 1):
            return False
        finish(room, RUN, KEPT, PRODUCTS, 2 * POINT, workspace, workspace, none, none, 0)
        store(workspace, 0, room, 2 * POINT)
        return True

    p, limbs, degree = curve.fp.modulus, limb_count(curve.fp), 1 if group == "g1" else 2
    unit = pow(1 << (RADIX * limbs), -1, p)
    slots, seeded = slots_of(LanePointSpec(curve, degree, native)), random.Random(5)
    assert isinstance(slots, UnreducedSlots) == short_products(curve.fp)
    ends = multiples_before_the_last_level(slots)
    for first_x, first_y, second_x, second_y in product(ends, repeat=4):
        points = [[[seeded.randrange(p) for _ in range(degree)] for _ in range(2 * LANES)] for _ in range(2)]
        room = np.zeros((2 * POINT + 4) * words, np.uint64)
        for slot, c, end in ((0, 0, first_x), (0, 1, first_y), (1, 0, second_x), (1, 1, second_y)):
            of_slot = points[c][LANES * slot : LANES * (slot + 1)]
            block = [carried([value[part] + end * p for value in of_slot], limbs) for part in range(degree)]
            at = (2 * POINT + 2 * slot + c) * words
            room[at : at + words] = np.concatenate(block).reshape(-1)
        workspace = np.zeros(LANES * 2 * curve.coordinate_limbs(group), np.uint64)
        assert run(room, workspace)
        sums = in_rows(workspace, curve.fp.limbs, unit, p)
        for lane in range(LANES):
            (x1, x2), (y1, y2) = ([[v * unit % p for v in of[k]] for k in (lane, LANES + lane)] for of in points)
            slope = times(minus(y2, y1, p), inverse(minus(x2, x1, p), p), p)
            x = minus(minus(times(slope, slope, p), x1, p), x2, p)
            y = minus(times(slope, minus(x1, x, p), p), y1, p)
            assert sums[lane] == [*x, *y]
