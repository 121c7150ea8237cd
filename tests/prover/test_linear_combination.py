import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prover.linear_combination import ONE, LinearCombination

MODULUS = 101

combinations = st.dictionaries(st.integers(0, 4), st.integers(1, MODULUS - 1)).map(
    lambda terms: LinearCombination(MODULUS, terms)
)


def value(combination, wires=(1, 17, 5, 99, 64)):
    return sum(c * wires[wire] for wire, c in combination.terms.items()) % MODULUS


@given(combinations, combinations, st.integers(-300, 300))
def test_arithmetic_is_that_of_the_values(x, y, k):
    assert value(x + y) == (value(x) + value(y)) % MODULUS
    assert value(x - y) == (value(x) - value(y)) % MODULUS
    assert value(k * x) == value(x * k) == k * value(x) % MODULUS
    assert value(x + k) == value(k + x) == (value(x) + k) % MODULUS
    assert value(k - x) == (k - value(x)) % MODULUS
    assert value(-x) == -value(x) % MODULUS
    assert value(LinearCombination.weighted_sum(MODULUS, [(k, x), (3, y)], 5)) == value(k * x + 3 * y + 5)


@given(combinations, st.integers(-300, 300))
def test_no_zero_coefficient_is_kept(x, k):
    for result in (x - x, x * 0, x + MODULUS, k * x, x - k):
        assert all(0 < c < MODULUS for c in result.terms.values())
    assert not (x - x).terms


def test_constant_is_known_only_without_wires():
    one, x = LinearCombination(MODULUS, {ONE: 1}), LinearCombination(MODULUS, {1: 1})
    assert (one * 7).constant == 7
    assert (one - one).constant == 0
    assert (x + 7).constant is None
    assert (x + 7 - x).constant == 7


def test_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        LinearCombination(MODULUS, {}).terms = {}
