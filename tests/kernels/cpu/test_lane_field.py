"""Lane arithmetic against Python integers, with the instructions and with their definition."""

import random
from itertools import product

import numpy as np
import pytest
from llvmlite import ir

from kernels import BLS12_381, BN254
from kernels.cpu.compilation import U64, U64_OUT, KernelSet
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_element import LaneElement
from kernels.cpu.lane_field import LaneField, LaneSpec, limb_count
from kernels.cpu.lane_field import short_products as short_products_fit
from kernels.cpu.lane_vectors import LANES, MASK, RADIX, WORD
from kernels.cpu.operation import operation

FIELDS = [BLS12_381.fp, BLS12_381.fr, BN254.fp, BN254.fr]


@pytest.fixture(params=["emulated", "native"])
def native(request):
    if request.param == "native" and not has_ifma():
        pytest.skip("this CPU has no IFMA")
    return request.param == "native"


def to_lanes(field, values):
    """``uint64[n / 8, limbs, 8]`` of raw values."""
    out = np.zeros((len(values) // LANES, limb_count(field), LANES), np.uint64)
    for at, value in enumerate(values):
        for j in range(out.shape[1]):
            out[at // LANES, j, at % LANES] = (value >> (RADIX * j)) & MASK
    return out


def from_lanes(lanes):
    return [
        sum(int(block[j, lane]) << (RADIX * j) for j in range(block.shape[0]))
        for block in lanes
        for lane in range(LANES)
    ]


def long_formula(a, b):
    """Mixes unreduced sums and differences so that the limits have to act."""
    c = a + b + a.double() + b.double()
    d = (-a - b) * c - (a - b).square()
    return (c * c - d) * (a + d) - c.double(), d - c - a - b, -(a * b)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_formulas_equal_integer_arithmetic_on_edge_operands(field, native):
    p = field.modulus
    unit = pow(1 << (RADIX * limb_count(field)), -1, p)  # a raw value v stands for v / R
    formula = operation(LaneSpec(field, native), long_formula, (1, 1), 3)
    limbs = limb_count(field)
    kernels = KernelSet(f"test.{field.name}.lanes.{native}")

    @kernels.kernel(U64, U64, U64_OUT)
    def run(left, right, out):
        for i in range(len(left) // (limbs * 8)):
            formula(out, i, left, i, right, i)

    seeded = random.Random(8)
    edges = [0, 1, p - 1, p, p + 1, 2 * p - 1, MASK, MASK << RADIX, *(seeded.randrange(2 * p) for _ in range(4))]
    pairs = list(product(edges, repeat=2))
    left, right = (to_lanes(field, [pair[side] for pair in pairs]) for side in (0, 1))
    out = np.empty((len(pairs) // LANES, 3, limbs, LANES), np.uint64)
    run(left.reshape(-1), right.reshape(-1), out.reshape(-1))

    def times(x, y):
        return x * y * unit % p

    for place in range(3):
        for got, (a, b) in zip(from_lanes(out[:, place]), pairs, strict=True):
            c = 3 * (a + b)
            d = times(-a - b, c) - times(a - b, a - b)
            wanted = (times(times(c, c) - d, a + d) - 2 * c, d - c - a - b, -times(a, b))[place]
            assert got % p == wanted % p
            assert got < 2 * p


def short_products(a, b):
    """Of factors up to the largest that an addition has, each followed by a product."""
    wide = a + a - b
    return a.short_product(b) * b, wide.short_product(b) * (a + b)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_short_products_are_too_large_by_a_known_factor(field, native):
    p, limbs = field.modulus, limb_count(field)
    unit = pow(1 << (RADIX * limbs), -1, p)
    factor = 1 << RADIX if short_products_fit(field) else 1
    assert short_products_fit(field) == (field is BLS12_381.fp)  # 381 bits in 416; the others are in 260
    formula = operation(LaneSpec(field, native), short_products, (1, 1), 2)
    kernels = KernelSet(f"test.{field.name}.short.{native}")

    @kernels.kernel(U64, U64, U64_OUT)
    def run(left, right, out):
        for i in range(len(left) // (limbs * 8)):
            formula(out, i, left, i, right, i)

    seeded = random.Random(9)
    edges = [0, 1, p - 1, p, p + 1, 2 * p - 1, MASK, MASK << RADIX, *(seeded.randrange(2 * p) for _ in range(4))]
    pairs = list(product(edges, repeat=2))
    left, right = (to_lanes(field, [pair[side] for pair in pairs]) for side in (0, 1))
    out = np.empty((len(pairs) // LANES, 2, limbs, LANES), np.uint64)
    run(left.reshape(-1), right.reshape(-1), out.reshape(-1))
    for place, wanted in ((0, lambda a, b: a * b * b), (1, lambda a, b: (2 * a - b) * b * (a + b))):
        for got, (a, b) in zip(from_lanes(out[:, place]), pairs, strict=True):
            assert got % p == wanted(a, b) * unit**2 * factor % p
            assert got < 2 * p


def below_2p(ring, a, b):
    """5 a - 2 b and a - b below 2p, from limbs that nobody has carried."""
    many = a + a + a + a + a
    return (many - b - b).reduced(2 * ring.modulus), (a - b).reduced(2 * ring.modulus)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_uncarried_values_near_multiples_of_p_are_reduced(field, native):
    p, limbs = field.modulus, limb_count(field)
    formula = operation(LaneSpec(field, native), below_2p, (1, 1), 2, with_ring=True)
    kernels = KernelSet(f"test.{field.name}.reduced.{native}")

    @kernels.kernel(U64, U64, U64_OUT)
    def run(left, right, out):
        for i in range(len(left) // (limbs * 8)):
            formula(out, i, left, i, right, i)

    # Every limb borrows, every step of the table has values just below and just above it.
    step = 1 << (p.bit_length() - 1)
    low = 1 << (RADIX * (limbs - 1))
    edges = [
        0,
        1,
        MASK,
        low,
        low - 1,
        low + 1,
        step,
        step - 1,
        step + 1,
        p,
        p - 1,
        p + 1,
        2 * p - 1,
        (2 * p - 1) & -low,
    ]
    edges += [value + d for i in range(1, 10) for d in (-1, 0, 1) if 0 <= (value := i * step // 5) + d < 2 * p]
    pairs = list(product(edges, repeat=2))
    pairs += [pairs[-1]] * (-len(pairs) % LANES)
    left, right = (to_lanes(field, [pair[side] for pair in pairs]) for side in (0, 1))
    out = np.empty((len(pairs) // LANES, 2, limbs, LANES), np.uint64)
    run(left.reshape(-1), right.reshape(-1), out.reshape(-1))
    for place, wanted in ((0, lambda a, b: 5 * a - 2 * b), (1, lambda a, b: a - b)):
        for got, (a, b) in zip(from_lanes(out[:, place]), pairs, strict=True):
            assert got % p == wanted(a, b) % p
            assert got < 2 * p


def test_values_and_limbs_without_room_are_refused_while_building():
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), []), "f")
    ring = LaneField(BN254.fr, ir.IRBuilder(function.append_basic_block()), native=False)
    with pytest.raises(OverflowError, match="no room"):
        LaneElement(ring, [WORD(0)] * ring.limbs, ring.R + 1, 1)
    with pytest.raises(OverflowError, match="terms"):
        LaneElement(ring, [WORD(0)] * ring.limbs, ring.modulus, 1 << 11)
