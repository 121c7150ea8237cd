import numpy as np
import pytest

from kernels import limbs_from_ints
from kernels.endomorphisms import cube_root_endomorphism
from kernels.reference import group_law


def test_on_curve_tells_points_infinity_and_strangers_apart(backend, curve, group, multiples):
    points = multiples([1, 2, 0, 12345, 1, 1])
    points[4].reshape(-1)[0] ^= np.uint64(1)  # x changed
    points[5].reshape(-1)[-curve.fp.limbs] ^= np.uint64(2)  # y changed
    assert backend.on_curve(curve, group, points).tolist() == [True, True, True, True, False, False]
    assert backend.on_curve(curve, group, points[:0]).shape == (0,)


def test_coordinates_at_or_above_the_modulus_are_refused_although_the_residue_fits(backend, curve, group, multiples):
    point = multiples([9])
    flat = point.reshape(-1, curve.fp.limbs)
    for coordinate in range(len(flat)):
        value = sum(int(limb) << (64 * i) for i, limb in enumerate(flat[coordinate])) + curve.fp.modulus
        aliased = point.copy().reshape(-1, curve.fp.limbs)
        aliased[coordinate] = [(value >> (64 * i)) & (2**64 - 1) for i in range(curve.fp.limbs)]
        assert not backend.on_curve(curve, group, aliased.reshape(point.shape)).any()


def points_of_small_order(r, cofactor, points):
    """A point of order l for every small prime factor l of the cofactor."""
    found, remaining = [], cofactor
    for prime in range(2, 12000):  # by trial division
        if remaining % prime:
            continue
        while remaining % prime == 0:
            remaining //= prime
        prime_to_it = r * cofactor
        while prime_to_it % prime == 0:
            prime_to_it //= prime
        multiples = [group_law.multiply(point, prime_to_it) for point in points]
        for point in [point for point in multiples if point is not None][:1]:
            of_order_prime = point
            while (multiple := group_law.multiply(of_order_prime, prime)) is not None:
                of_order_prime = multiple
            found.append(of_order_prime)
    return found


def test_in_subgroup_accepts_every_multiple_of_the_generator(backend, curve, group, multiples, rng):
    r = curve.fr.modulus
    scalars = [0, 1, 2, -1, 77, curve.seed, curve.seed**2, *(rng.randrange(r) for _ in range(5))]
    assert backend.in_subgroup(curve, group, multiples(scalars)).all()


def test_in_subgroup_refuses_other_curve_points(backend, curve, group, multiples, points_by_x):
    cofactor = curve.g1_cofactor if group == "g1" else curve.g2_cofactor
    if cofactor == 1:
        pytest.skip("every point of this curve is in the group")
    by_x = points_by_x(3)
    of_order_prime_to_r = [group_law.multiply(point, curve.fr.modulus) for point in by_x]
    of_small_order = points_of_small_order(curve.fr.modulus, cofactor, by_x)
    assert of_small_order
    outside = [*by_x, *of_order_prime_to_r, *of_small_order]
    (member,) = group_law.decode(curve, group, multiples([12345]))
    shifted = [group_law.add(point, member) for point in outside]
    points = group_law.encode(curve, group, [*outside, *shifted])
    assert backend.on_curve(curve, group, points).all()
    assert not backend.in_subgroup(curve, group, points).any()


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9])
def test_every_point_is_multiplied_by_its_own_scalar(backend, curve, group, multiples, rng, n):
    r = curve.fr.modulus
    root = cube_root_endomorphism(curve).eigenvalue
    hostile = [0, 1, r - 1, 2, root % r, -root % r, (root + 1) % r, 1 << 64, r // 2]
    for scalars in (hostile[:n], [rng.randrange(r) for _ in range(n)]):
        logarithms = [rng.randrange(r) for _ in range(n)]
        if n > 1:
            logarithms[1] = 0
        products = backend.multiply_points(curve, group, multiples(logarithms), limbs_from_ints(scalars, 4))
        assert np.array_equal(products, multiples([k * z for k, z in zip(logarithms, scalars, strict=True)]))


def test_points_need_as_many_scalars(backend, curve, group, multiples):
    with pytest.raises(ValueError, match="2 points"):
        backend.multiply_points(curve, group, multiples([1, 2]), limbs_from_ints([1], 4))


def test_each_of_many_points_is_told_apart(backend, curve, group, multiples, points_by_x):
    if (curve.g1_cofactor if group == "g1" else curve.g2_cofactor) == 1:
        pytest.skip("every point of this curve is in the group")
    points = multiples([*range(9), 0, -1])
    points[[0, 3, 8]] = group_law.encode(curve, group, points_by_x(3))
    assert np.flatnonzero(~backend.in_subgroup(curve, group, points)).tolist() == [0, 3, 8]
