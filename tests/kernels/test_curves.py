import pytest
from py_ecc import optimized_bls12_381, optimized_bn128

from kernels import BLS12_381, BN254, CURVES, get_curve


@pytest.mark.parametrize(("curve", "peer"), [(BLS12_381, optimized_bls12_381), (BN254, optimized_bn128)])
def test_constants_are_those_of_py_ecc(curve, peer):
    assert curve.fp.modulus == peer.field_modulus
    assert curve.fr.modulus == peer.curve_order
    assert curve.g1_generator == tuple(int(c) for c in peer.normalize(peer.G1))
    assert curve.g2_generator == tuple(tuple(int(c) for c in e.coeffs) for e in peer.normalize(peer.G2))
    assert curve.b == int(peer.b)
    assert curve.g2_b == tuple(int(c) for c in peer.b2.coeffs)


@pytest.mark.parametrize("curve", CURVES)
def test_group_orders_satisfy_the_hasse_bound(curve):
    p, r = curve.fp.modulus, curve.fr.modulus
    assert abs(curve.g1_cofactor * r - (p + 1)) <= 2 * int(p**0.5) + 2 or (curve.g1_cofactor * r - p - 1) ** 2 <= 4 * p
    assert (curve.g2_cofactor * r - p**2 - 1) ** 2 <= 4 * p**2


@pytest.mark.parametrize("curve", CURVES)
def test_nonresidue_is_the_least_and_generates_two_power_roots(curve):
    r = curve.fr.modulus
    assert pow(curve.nonresidue, (r - 1) // 2, r) == r - 1
    assert all(pow(smaller, (r - 1) // 2, r) == 1 for smaller in range(2, curve.nonresidue))
    for k in (0, 1, 5, curve.two_adicity):
        root = curve.root_of_unity(k)
        assert pow(root, 1 << k, r) == 1
        assert k == 0 or pow(root, 1 << (k - 1), r) == r - 1


@pytest.mark.parametrize("k", [-1, 33, 64])
def test_root_beyond_the_two_adicity_is_refused(k):
    with pytest.raises(ValueError, match="roots of unity"):
        BLS12_381.root_of_unity(k)


@pytest.mark.parametrize("name", ["bls12_381", "BLS12-381", "bls12381"])
def test_aliases_find_the_curve(name):
    assert get_curve(name) is BLS12_381


@pytest.mark.parametrize("name", ["bn254", "bn128", "alt_bn128"])
def test_aliases_find_bn254(name):
    assert get_curve(name) is BN254


def test_unknown_curve_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'secp256k1'.*bls12_381.*bn254"):
        get_curve("secp256k1")
