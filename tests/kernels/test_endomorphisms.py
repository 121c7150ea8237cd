"""What the fast subgroup checks rest on."""

import math
from itertools import pairwise

import pytest

from kernels import points_from_ints
from kernels.endomorphisms import cube_root_endomorphism, membership_endomorphism, signed_digits
from kernels.reference import group_law
from kernels.reference.field_elements import Fp2Element, FpElement


@pytest.fixture
def endomorphism(curve, group):
    found = membership_endomorphism(curve, group)
    if found is None:
        pytest.skip("every point of this curve is in the group")
    return found


def test_only_a_curve_that_is_the_group_needs_no_check(curve, group):
    cofactor = curve.g1_cofactor if group == "g1" else curve.g2_cofactor
    assert (membership_endomorphism(curve, group) is None) == (cofactor == 1)


def test_the_order_of_an_accepted_point_divides_r(curve, group, endomorphism):
    # It divides the curve's order and chi(eigenvalue).
    e = endomorphism.eigenvalue
    order = curve.fr.modulus * (curve.g1_cofactor if group == "g1" else curve.g2_cofactor)
    assert math.gcd(e * e - endomorphism.trace * e + endomorphism.norm, order) == curve.fr.modulus


def test_the_order_of_a_point_accepted_by_its_miller_loop_divides_r(curve):
    # On BLS12 |x| Q = -+psi(Q) is the check above. On BN h(psi) Q = 0 for h = 6x + 2 + X - X^2 + X^3, so that the order
    # divides the norm of h(psi): with a + b X what is left of h modulo chi = X^2 - t X + p, a^2 + a b t + b^2 p.
    if curve.name.startswith("bls12"):
        assert membership_endomorphism(curve, "g2").eigenvalue == curve.seed
        return
    psi = membership_endomorphism(curve, "g2")
    coefficients = [6 * curve.seed + 2, 1, -1, 1]
    while len(coefficients) > 2:
        top = coefficients.pop()
        coefficients[-1] += top * psi.trace
        coefficients[-2] -= top * psi.norm
    a, b = coefficients
    norm = a * a + a * b * psi.trace + b * b * psi.norm
    assert math.gcd(norm, curve.fr.modulus * curve.g2_cofactor) == curve.fr.modulus


def test_it_is_an_endomorphism_with_that_polynomial_and_eigenvalue(curve, group, endomorphism, points_by_x):
    generator = curve.g1_generator if group == "g1" else curve.g2_generator

    def apply(point):
        if group == "g1":
            beta, sign = (FpElement(factor[0], curve.fp.modulus) for factor in endomorphism.factors)
            return point[0] * beta, point[1] * sign
        a, b = (Fp2Element(*factor, curve) for factor in endomorphism.factors)
        return point[0].conjugate() * a, point[1].conjugate() * b

    def multiple(point, k):
        product = group_law.multiply(point, abs(k))
        return product if k >= 0 or product is None else (product[0], -product[1])

    (g,) = group_law.decode(curve, group, points_from_ints(curve, group, [generator]))
    assert apply(g) == multiple(g, endomorphism.eigenvalue)
    (outside,) = points_by_x(1)
    once = apply(outside)
    twice = apply(once)
    assert group_law.is_on_curve(curve, group, once)
    left = group_law.add(twice, multiple(outside, endomorphism.norm))
    assert left == multiple(once, endomorphism.trace)


@pytest.mark.parametrize("value", [1, 2, 3, 7, 0xD201000000010000, 2**64 - 1, 6 * 4965661367192848881 + 2])
def test_signed_digits_are_sparse_and_add_up(value):
    digits = signed_digits(value)
    assert digits[0] == 1
    assert sum(d << i for i, d in enumerate(reversed(digits))) == value
    assert all(not (a and b) for a, b in pairwise(digits))


def test_the_cube_root_acts_as_its_eigenvalue(curve):
    endomorphism = cube_root_endomorphism(curve)
    x, y = (FpElement(c, curve.fp.modulus) for c in curve.g1_generator)
    image = (x * FpElement(endomorphism.factors[0][0], curve.fp.modulus), y)
    assert image == group_law.multiply((x, y), endomorphism.eigenvalue % curve.fr.modulus)
    assert image[0] != x
