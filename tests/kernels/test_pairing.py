"""Products of pairings on every backend, by bilinearity."""

import numpy as np
import pytest


@pytest.fixture
def pairs(multiples_of):
    """Points (a G, b H) of pairs of integers (a, b)."""

    def of(logarithms):
        return multiples_of("g1", [a for a, _ in logarithms]), multiples_of("g2", [b for _, b in logarithms])

    return of


def balanced(n, rng, r):
    """Logarithms (a_i, b_i), none of them zero, with the sum of a_i b_i zero."""
    chosen = [(rng.randrange(1, r), rng.randrange(1, r)) for _ in range(n - 1)]
    last = rng.randrange(1, r)
    total = sum(a * b for a, b in chosen)
    return [*chosen, (-total * pow(last, -1, r) % r, last)]


@pytest.mark.parametrize("n", [2, 5])
def test_a_product_is_one_exactly_when_the_logarithms_cancel(backend, curve, pairs, rng, n):
    logarithms = balanced(n, rng, curve.fr.modulus)
    g1, g2 = pairs(logarithms)
    assert backend.pairing_product_is_one(curve, g1, g2)
    other1, other2 = pairs([(a + 1, b + 1) for a, b in logarithms])
    for i in range(n):
        changed1, changed2 = g1.copy(), g2.copy()
        changed1[i], changed2[i] = other1[i], other2[i]
        assert not backend.pairing_product_is_one(curve, changed1, g2)
        assert not backend.pairing_product_is_one(curve, g1, changed2)


def test_signs_and_small_multiples(backend, curve, pairs):
    # e(G, H) e(-G, H), e(2 G, H) e(G, -2 H), the same pair twice, and e(G, H)^(r - 1) e(G, H).
    r = curve.fr.modulus
    for logarithms in ([(1, 1), (-1, 1)], [(2, 1), (1, -2)], [(1, 3), (1, 3), (-2, 3)], [(r - 1, 1), (1, 1)]):
        assert backend.pairing_product_is_one(curve, *pairs(logarithms))
    for logarithms in ([(1, 1)], [(1, 1), (1, 1)], [(1, 1), (1, 1), (1, -1)], [(r - 1, r - 1)]):
        assert not backend.pairing_product_is_one(curve, *pairs(logarithms))


def test_nothing_is_one(backend, curve, pairs):
    assert backend.pairing_product_is_one(curve, *pairs([]))


@pytest.mark.parametrize("infinite", [(0, 0), (0, 7), (7, 0)], ids=["both", "g1", "g2"])
def test_a_pair_with_infinity_counts_as_one_wherever_it_stands(backend, curve, pairs, infinite):
    assert backend.pairing_product_is_one(curve, *pairs([infinite]))
    for position in range(3):
        cancelling, single = [(2, 5), (-5, 2)], [(2, 5), (5, 2)]
        cancelling.insert(position, infinite)
        single.insert(position, infinite)
        assert backend.pairing_product_is_one(curve, *pairs(cancelling))
        assert not backend.pairing_product_is_one(curve, *pairs(single))


def test_read_only_arrays_are_taken_and_left_alone(backend, curve, pairs):
    g1, g2 = pairs([(3, 4), (-6, 2)])
    before = g1.copy(), g2.copy()
    g1.flags.writeable = g2.flags.writeable = False
    assert backend.pairing_product_is_one(curve, g1, g2)
    assert np.array_equal(g1, before[0])
    assert np.array_equal(g2, before[1])


def test_points_that_are_no_pairs_are_refused(backend, curve, pairs):
    g1, g2 = pairs([(1, 1), (2, 2)])
    with pytest.raises(ValueError, match="2 and 1 points"):
        backend.pairing_product_is_one(curve, g1, g2[:1])
    with pytest.raises(ValueError, match="g2 points"):
        backend.pairing_product_is_one(curve, g1, g1)
    with pytest.raises(ValueError, match="g1 points"):
        backend.pairing_product_is_one(curve, g2, g2)
