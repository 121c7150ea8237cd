"""Fp12 on integers: every special product against the one by definition, modulo w^6 - xi."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels.formulas import tower
from kernels.reference.field_elements import Fp2Element, Fp12Element, fp12_one

PLACE_OF_POWER = (0, 3, 1, 4, 2, 5)  # where the tower keeps the coefficient of w^i
law = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def draw_fp2(curve):
    p = curve.fp.modulus
    coordinate = st.sampled_from([0, 1, 2, p - 1, p // 2]) | st.integers(0, p - 1)

    def of(data, count):
        return tuple(Fp2Element(data.draw(coordinate), data.draw(coordinate), curve) for _ in range(count))

    return of


def by_definition(curve, a, b):
    """Product of polynomials in w, then w^6 = xi."""
    zero = Fp2Element(0, 0, curve)
    powers = [zero] * 12
    for i in range(6):
        for j in range(6):
            powers[i + j] += a[PLACE_OF_POWER[i]] * b[PLACE_OF_POWER[j]]
    folded = [powers[i] + powers[i + 6].times_xi() for i in range(6)]
    return tuple(folded[PLACE_OF_POWER.index(place)] for place in range(6))


@law
@given(data=st.data())
def test_product_square_and_inverse(curve, draw_fp2, data):
    a, b = draw_fp2(data, 6), draw_fp2(data, 6)
    assert tower.multiply12(a, b) == by_definition(curve, a, b)
    assert tower.square12(a) == by_definition(curve, a, a)
    if any(c.c0 or c.c1 for c in a):
        assert Fp12Element(a) * Fp12Element(a).inverse() == fp12_one(curve)


@law
@given(data=st.data())
def test_products_by_lines(curve, draw_fp2, data):
    a, (l0, l1, l2) = draw_fp2(data, 6), draw_fp2(data, 3)
    zero = Fp2Element(0, 0, curve)
    on_m_twist, on_d_twist = (l0, l1, zero, zero, l2, zero), (l0, zero, zero, l1, l2, zero)
    assert tower.multiply12_by_014(a, (l0, l1, l2)) == by_definition(curve, a, on_m_twist)
    assert tower.multiply12_by_034(a, (l0, l1, l2)) == by_definition(curve, a, on_d_twist)


def frobenius_factors(curve, power):
    w = Fp2Element(*curve.xi, curve) ** ((curve.fp.modulus**power - 1) // 6)  # w^(p^power - 1)
    return tuple(w ** PLACE_OF_POWER.index(place) for place in range(6))


@settings(law, max_examples=3)
@given(data=st.data())
def test_powers_of_p(curve, draw_fp2, data):
    a = draw_fp2(data, 6)
    once = tower.frobenius(a, frobenius_factors(curve, 1))
    assert Fp12Element(once) == Fp12Element(a) ** curve.fp.modulus
    twice = tower.frobenius(once, frobenius_factors(curve, 1))
    assert tower.frobenius_squared(a, frobenius_factors(curve, 2)) == twice
    for _ in range(2):
        twice = tower.frobenius_squared(twice, frobenius_factors(curve, 2))
    assert tower.conjugate12(a) == twice


@law
@given(data=st.data())
def test_squares_in_the_cyclotomic_subgroup(curve, draw_fp2, data):
    a = Fp12Element(draw_fp2(data, 6))
    if a == a.conjugate():  # of Fp6: the power below is one, or a is zero
        return
    a = a.conjugate() * a.inverse()  # to the p^6 - 1
    a = Fp12Element(tower.frobenius_squared(a.coefficients, frobenius_factors(curve, 2))) * a  # to the p^2 + 1
    assert tower.cyclotomic_square(a.coefficients) == tower.square12(a.coefficients)
    assert a * a.conjugate() == fp12_one(curve)
