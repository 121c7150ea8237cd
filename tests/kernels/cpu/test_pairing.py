"""The exponent of the compiled final exponentiation, as its comments state it, is a multiple prime to r."""

import math
import threading

from kernels import BLS12_381, BN254, limbs_from_ints, points_from_ints
from kernels.cpu.portable import PortableBackend


def hard_part(curve):
    p = curve.fp.modulus
    exponent, remainder = divmod(p**4 - p**2 + 1, curve.fr.modulus)
    assert remainder == 0
    return exponent


def test_bls12_exponent():
    x, p = BLS12_381.seed, BLS12_381.fp.modulus
    assert (x - 1) ** 2 * (x + p) * (x**2 + p**2 - 1) + 3 == 3 * hard_part(BLS12_381)


def test_bn_exponent():
    x, p, r = BN254.seed, BN254.fp.modulus, BN254.fr.modulus
    u = 12 * x**3 + 6 * x**2
    l1, l2 = u + 4 * x, u + 6 * x
    l0, l3 = u + 6 * x**2 + 6 * x + 1, l1 - 1
    factor = 2 * x * (6 * x**2 + 3 * x + 1)
    assert l0 + l1 * p + l2 * p**2 + l3 * p**3 == factor * hard_part(BN254)
    assert math.gcd(factor, r) == 1


def test_threads_share_the_kernel(curve):
    backend, r = PortableBackend(), curve.fr.modulus
    g1 = points_from_ints(curve, "g1", [curve.g1_generator])[0]
    g2 = points_from_ints(curve, "g2", [curve.g2_generator])
    sums_to_zero = backend.multiply_base(curve, "g1", g1, limbs_from_ints([5, 6, r - 11], 4))
    other = backend.multiply_base(curve, "g1", g1, limbs_from_ints([5, 6, r - 12], 4))
    seen = []

    def work(points, expected):
        seen.extend(backend.pairing_product_is_one(curve, points, g2.repeat(3, axis=0)) == expected for _ in range(20))

    threads = [threading.Thread(target=work, args=pair) for pair in [(sums_to_zero, True), (other, False)] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 80
