"""Transforms in lanes against those of one lane, which the reference checks."""

import numpy as np
import pytest

from kernels import get_backend, limbs_from_ints
from kernels.cpu.features import has_ifma
from kernels.cpu.ifma import IfmaBackend
from kernels.cpu.transform_plan import SMALLEST, transform_plan

needs_ifma = pytest.mark.skipif(not has_ifma(), reason="this CPU has no IFMA; see the emulated test")


def hostile_values(n, rng, r):
    """Vectors that meet the bounds: every sum as large as it gets, every difference zero."""
    return {
        "random": [rng.randrange(r) for _ in range(n)],
        "zeros": [0] * n,
        "ones": [1] * n,
        "largest": [r - 1] * n,
        "largest and zero": [0 if i % 2 else r - 1 for i in range(n)],
        "one value": [0] * (n - 1) + [r - 1],
        "all-ones limbs": [(1 << (64 * (1 + i % 3))) - 1 for i in range(n)],
    }


def assert_equal_to_portable(lanes, curve, values, **options):
    values.flags.writeable = False
    before, wanted = values.copy(), get_backend("portable").ntt(curve, values, **options)
    for threads in (1, 2):
        assert np.array_equal(lanes.ntt(curve, values, **options, threads=threads), wanted)
    assert np.array_equal(values, before)


@needs_ifma
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("k", range(14))
def test_hostile_values_of_every_size(curve, rng, k, inverse):
    n, r = 1 << k, curve.fr.modulus
    for coset in (None, 7, curve.root_of_unity(k + 1), r - 1):
        for integers in hostile_values(n, rng, r).values():
            assert_equal_to_portable(
                get_backend("ifma"), curve, limbs_from_ints(integers, 4), inverse=inverse, coset=coset
            )


@needs_ifma
@pytest.mark.parametrize("shape", [(0, 64), (1, 64), (2, 256), (3, 128), (5, 1, 64)])
def test_batches_are_their_rows(curve, rng, shape):
    count = int(np.prod(shape))
    values = limbs_from_ints([rng.randrange(curve.fr.modulus) for _ in range(count)], 4).reshape(*shape, 4)
    assert_equal_to_portable(get_backend("ifma"), curve, values, coset=5)
    assert np.array_equal(get_backend("ifma").ntt(curve, values, threads=3), get_backend("portable").ntt(curve, values))


@needs_ifma
@pytest.mark.slow
@pytest.mark.parametrize("k", range(14, 21))
def test_large_sizes(curve, k):
    words = np.random.default_rng(k).integers(0, 1 << 64, (1 << k, 4), np.uint64)
    words[:, 3] &= np.uint64((1 << 60) - 1)
    assert_equal_to_portable(get_backend("ifma"), curve, words, coset=7)
    assert_equal_to_portable(get_backend("ifma"), curve, words, inverse=True)
    transform_plan.cache_clear()


def test_emulated_lanes_transform(curve, rng):
    for integers in hostile_values(128, rng, curve.fr.modulus).values():
        assert_equal_to_portable(IfmaBackend(native=False), curve, limbs_from_ints(integers, 4), coset=7)
        assert_equal_to_portable(IfmaBackend(native=False), curve, limbs_from_ints(integers, 4), inverse=True)


def test_the_least_size_fills_the_lanes_in_both_passes(curve):
    plan = transform_plan(curve, SMALLEST, inverse=False, coset=None)
    assert plan.log2_n1 == plan.log2_n2 == 3
