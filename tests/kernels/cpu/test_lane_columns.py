"""Integer products in columns: what is carried out of the halves' sums counts, whatever the limbs."""

import random

import numpy as np
import pytest
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels import BLS12_381
from kernels.cpu.compilation import U64, U64_OUT, KernelSet
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_columns import karatsuba, schoolbook
from kernels.cpu.lane_field import LaneField
from kernels.cpu.lane_vectors import LANES, MASK, RADIX, WORD, splat

LIMBS = 8


@pytest.fixture(params=["emulated", "native"])
def native(request):
    if request.param == "native" and not has_ifma():
        pytest.skip("this CPU has no IFMA")
    return request.param == "native"


def product(name, native, start):
    """The intrinsic ``(left, right, out, i)``: columns of eight products."""

    def generate(context, builder, signature, arguments):
        ring = LaneField(BLS12_381.fp, builder, native=native)
        left, right, out = (
            context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in range(3)
        )
        at = builder.mul(arguments[3], WORD(LIMBS * LANES))
        a, b = (ring.load(builder.gep(place, [at])).limbs for place in (left, right))
        first = [splat(word) for word in start]
        if name == "karatsuba":
            columns = karatsuba(builder, ring.multiply_add, splat, a, b, first)
        else:
            columns = schoolbook(ring.multiply_add, a, b, first)
        ring.store_limbs(columns, builder.gep(out, [builder.mul(at, ir.IntType(64)(2))]))
        return context.get_dummy_value()

    def columns_of(_context, left, right, out, _i):
        return types.void(left, right, out, types.int64), generate

    return intrinsic(columns_of)


@pytest.mark.parametrize("name", ["karatsuba", "schoolbook"])
def test_columns_add_up_to_the_product_and_the_start(name, native):
    seeded = random.Random(12)
    full = (1 << (RADIX * LIMBS)) - 1
    halves = [0, 1, full >> (RADIX * 4), (full >> (RADIX * 4)) - 1, 1 << (RADIX * 4 - 1), MASK, MASK << (RADIX * 3)]
    values = [low | high << (RADIX * 4) for low in halves for high in halves]
    values += [seeded.randrange(full + 1) for _ in range(15)]
    pairs = [(a, b) for a in values for b in values]
    start = [MASK] * LIMBS + list(range(LIMBS))
    formula = product(name, native, start)
    kernels = KernelSet(f"test.columns.{name}.{native}")

    @kernels.kernel(U64, U64, U64_OUT)
    def run(left, right, out):
        for i in range(len(left) // (LIMBS * LANES)):
            formula(left, right, out, i)

    def lanes(side):
        out = np.zeros((len(pairs) // LANES, LIMBS, LANES), np.uint64)
        for at, pair in enumerate(pairs):
            for j in range(LIMBS):
                out[at // LANES, j, at % LANES] = (pair[side] >> (RADIX * j)) & MASK
        return out.reshape(-1)

    assert len(pairs) % LANES == 0
    out = np.empty((len(pairs) // LANES, 2 * LIMBS, LANES), np.uint64)
    run(lanes(0), lanes(1), out.reshape(-1))
    columns = out.view(np.int64)
    most = (2 * LIMBS + 3) * MASK
    assert np.abs(columns).max() <= most
    extra = sum(word << (RADIX * j) for j, word in enumerate(start))
    for at, (a, b) in enumerate(pairs):
        total = sum(int(columns[at // LANES, j, at % LANES]) << (RADIX * j) for j in range(2 * LIMBS))
        assert total == a * b + extra
