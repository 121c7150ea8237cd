"""The oracle's pairing: its very value against py_ecc, and bilinearity."""

import pytest

from kernels import BLS12_381
from kernels.reference import group_law
from kernels.reference.field_elements import Fp2Element, FpElement, fp12_one
from kernels.reference.pairing import pairing_product, psi


@pytest.fixture
def generators(curve):
    (x0, x1), (y0, y1) = curve.g2_generator
    g1 = tuple(FpElement(value, curve.fp.modulus) for value in curve.g1_generator)
    return g1, (Fp2Element(x0, x1, curve), Fp2Element(y0, y1, curve))


def as_polynomial(curve, element):
    """Coefficients over Fp of powers of w, py_ecc's form: u = w^6 - xi_0."""
    by_power = [element.coefficients[i] for i in (0, 3, 1, 4, 2, 5)]
    low = [(c.c0 - curve.xi[0] * c.c1) % curve.fp.modulus for c in by_power]
    return [*low, *(c.c1 for c in by_power)]


@pytest.mark.parametrize(("a", "b"), [(1, 1), (5, 12345678901234567890)])
def test_the_value_is_that_of_py_ecc(curve, peer, generators, a, b):
    p, q = (group_law.multiply(point, k) for point, k in zip(generators, (a, b), strict=True))
    value = pairing_product(curve, [(p, q)])
    if curve is BLS12_381:
        value = value.conjugate()  # py_ecc takes the loop's length |x| for x, which inverts the pairing
    expected = peer.pairing(peer.multiply(peer.G2, b), peer.multiply(peer.G1, a))
    assert as_polynomial(curve, value) == [int(c) for c in expected.coeffs]


def test_bilinear_of_order_r_and_not_degenerate(curve, generators):
    g1, g2 = generators
    value, one = pairing_product(curve, [generators]), fp12_one(curve)
    assert value != one
    assert value**curve.fr.modulus == one
    assert pairing_product(curve, [(group_law.multiply(g1, 35), group_law.multiply(g2, 11))]) == value**385
    assert pairing_product(curve, [(g1, g2), (group_law.multiply(g1, 2), g2)]) == value**3


def test_psi_multiplies_by_p(curve, generators):
    point = group_law.multiply(generators[1], 77)
    assert psi(curve, point) == group_law.multiply(point, curve.fp.modulus % curve.fr.modulus)
