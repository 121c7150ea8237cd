"""Products of pairings in lanes, on the instructions where the CPU has them and by their definition anywhere."""

import random

import numpy as np
import pytest

from kernels import get_backend, limbs_from_ints, points_from_ints
from kernels.cpu.features import has_ifma
from kernels.cpu.ifma import IfmaBackend
from kernels.cpu.lane_pairing import CHUNK, miller_values
from kernels.cpu.packed_pairing import packed_pairing
from kernels.cpu.pairing import pairing_kernels

WITH_IFMA = pytest.param(
    True, id="ifma", marks=pytest.mark.skipif(not has_ifma(), reason="this CPU has no AVX-512 IFMA instructions")
)
EMULATED = pytest.param(False, id="emulated")


@pytest.fixture(params=[WITH_IFMA])
def native(request):
    return request.param


@pytest.fixture
def is_one(curve, native):
    """Whether the product is one, by lanes however few the pairs."""

    def of(g1, g2):
        values, inside = miller_values(curve, native, g1, g2)
        assert inside.all()
        # By one lane and packed, which must agree.
        answer = pairing_kernels(curve).exponentiates_to_one(values.reshape(-1), len(values))
        assert packed_pairing(curve, native).is_one(values, []) == answer
        return answer

    return of


@pytest.fixture
def points(curve):
    portable = get_backend("portable")

    def of(group, logarithms):
        base = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
        return portable.multiply_base(
            curve, group, base, limbs_from_ints([k % curve.fr.modulus for k in logarithms], 4)
        )

    return of


@pytest.fixture
def balanced(curve, points):
    """As many pairs as asked for, none with infinity, whose product is one."""
    rng, r = random.Random(8), curve.fr.modulus

    def of(n):
        a, b = ([rng.randrange(1, r) for _ in range(n)] for _ in range(2))
        a[-1] = -sum(x * y for x, y in zip(a[:-1], b[:-1], strict=True)) * pow(b[-1], -1, r)
        return points("g1", a), points("g2", b)

    return of


def changed(array, place, value):
    copy = array.copy()
    copy[place] = value
    return copy


@pytest.mark.parametrize("native", [WITH_IFMA, EMULATED], indirect=True)
@pytest.mark.parametrize("n", [2, 8, 9])
def test_products_are_recognised_on_every_cpu(balanced, is_one, n):
    g1, g2 = balanced(n)
    assert is_one(g1, g2)
    assert not is_one(changed(g1, n - 1, g1[0]), g2)
    assert not is_one(g1, changed(g2, 0, g2[n - 1]))


@pytest.mark.parametrize("n", [*range(2, 18), 64])
def test_no_single_point_can_be_changed(balanced, points, is_one, n):
    g1, g2 = balanced(n)
    assert is_one(g1, g2)
    other1, other2 = points("g1", [7])[0], points("g2", [7])[0]
    for place in range(n):
        assert not is_one(changed(g1, place, other1), g2)
        assert not is_one(g1, changed(g2, place, other2))


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 16, 17])
def test_infinity_counts_as_one_wherever_it_stands(balanced, is_one, n):
    g1, g2 = balanced(n + 1)
    for place in range(n + 2):
        with_g1, with_g2 = np.insert(g1, place, 0, axis=0), np.insert(g2, place, g2[0], axis=0)
        assert is_one(with_g1, with_g2)
        assert is_one(np.insert(g1, place, g1[0], axis=0), np.insert(g2, place, 0, axis=0))
        assert not is_one(changed(g1, min(place, n), 0), g2)


def test_nothing_but_infinity_is_one(curve, is_one):
    for n in range(1, 18):
        g1, g2 = (np.zeros((n, *curve.point_shape(group)), np.uint64) for group in ("g1", "g2"))
        assert is_one(g1, g2)


def test_one_pair_is_not_one(points, is_one):
    for k in range(1, 10):
        assert not is_one(points("g1", [k]), points("g2", [k + 1]))


def test_several_accumulators_are_multiplied_together(balanced, is_one):
    g1, g2 = balanced(8 * CHUNK + 1)
    assert is_one(g1, g2)
    for place in (0, 8 * CHUNK - 1, 8 * CHUNK):
        assert not is_one(changed(g1, place, g1[1]), g2)


@pytest.mark.parametrize("n", [*range(18), 64])
def test_the_backend_answers_as_portable_does(curve, native, balanced, n):
    backends = IfmaBackend(native=native), get_backend("portable")
    g1, g2 = balanced(n) if n > 1 else (p[:n] for p in balanced(2))
    for left in (g1, changed(g1, 0, g1[-1]) if n > 1 else g1):
        answers = {backend.pairing_product_is_one(curve, left, g2) for backend in backends}
        assert answers == {left is g1 and n != 1}
