import random

import numpy as np
import pytest
from numba import types

from kernels import BLS12_381, BN254, ints_from_montgomery, limbs_from_ints, montgomery_from_ints
from kernels.cpu.compilation import U64, U64_OUT, KernelSet
from kernels.cpu.inversion import inversion
from kernels.cpu.operation import RingSpec

FIELDS = [BLS12_381.fp, BLS12_381.fr, BN254.fp, BN254.fr]


def kernel(spec):
    kernels = KernelSet(f"test.{spec.name}.inversion")
    invert = inversion(spec)

    @kernels.kernel(U64, types.int64, U64_OUT)
    def run(values, n, out):
        for i in range(n):
            invert(out, i, values, i)

    return run


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_inverses_of_edges_and_many_random_values(field):
    p, seeded = field.modulus, random.Random(5)
    powers = [pow(2, k, p) for k in range(0, 400, 7)]
    raw = [0, 1, 2, p - 1, p - 2, (p + 1) // 2, field.R % p, *powers, *(p - v for v in powers)]
    raw += [seeded.randrange(p) for _ in range(3000)] + [seeded.randrange(1 << k) for k in range(1, 250)]
    array, out = limbs_from_ints(raw, field.limbs), np.empty((len(raw), field.limbs), np.uint64)
    kernel(RingSpec(field))(array.reshape(-1), len(raw), out.reshape(-1))
    wanted = [pow(value, -1, p) if value else 0 for value in ints_from_montgomery(field, array)]
    assert np.array_equal(out, montgomery_from_ints(field, wanted))


@pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)
def test_inverses_in_the_quadratic_extension(curve):
    p, seeded = curve.fp.modulus, random.Random(6)
    pairs = [(1, 0), (0, 1), (p - 1, 1), (0, 0), *((seeded.randrange(p), seeded.randrange(p)) for _ in range(50))]
    array = montgomery_from_ints(curve.fp, [c for pair in pairs for c in pair])
    out = np.empty_like(array)
    kernel(RingSpec(curve.fp, 2))(array.reshape(-1), len(pairs), out.reshape(-1))
    for (a, b), (c, d) in zip(pairs, np.reshape(ints_from_montgomery(curve.fp, out), (-1, 2)), strict=True):
        assert ((a * c - b * d) % p, (a * d + b * c) % p) == ((1, 0) if a or b else (0, 0))
