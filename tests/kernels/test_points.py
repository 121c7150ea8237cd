import numpy as np

from kernels import points_from_ints


def test_on_curve_tells_points_infinity_and_strangers_apart(backend, curve, group, multiples):
    points = multiples([1, 2, 0, 12345, 1, 1])
    points[4].reshape(-1)[0] ^= np.uint64(1)  # x changed
    points[5].reshape(-1)[-curve.fp.limbs] ^= np.uint64(2)  # y changed
    assert backend.on_curve(curve, group, points).tolist() == [True, True, True, True, False, False]


def test_coordinates_at_or_above_the_modulus_are_refused_although_the_residue_fits(backend, curve, group, multiples):
    point = multiples([9])
    flat = point.reshape(-1, curve.fp.limbs)
    for coordinate in range(len(flat)):
        value = sum(int(limb) << (64 * i) for i, limb in enumerate(flat[coordinate])) + curve.fp.modulus
        aliased = point.copy().reshape(-1, curve.fp.limbs)
        aliased[coordinate] = [(value >> (64 * i)) & (2**64 - 1) for i in range(curve.fp.limbs)]
        assert not backend.on_curve(curve, group, aliased.reshape(point.shape)).any()


def curve_points_outside_the_subgroup(curve, group, count):
    """Points by solving the curve equation for small x; on a curve with a cofactor they are outside almost surely."""
    p = curve.fp.modulus
    found = []
    for x in range(1, 200):
        if group == "g1":
            square = (x**3 + curve.b) % p
            y = pow(square, (p + 1) // 4, p)
            if y * y % p == square:
                found.append((x, y))
        else:
            y2 = fp2_square_root(fp2_add(fp2_power((x, 0), 3, p), curve.g2_b, p), p)
            if y2 is not None:
                found.append(((x, 0), y2))
        if len(found) == count:
            break
    return found


def fp2_add(a, b, p):
    return ((a[0] + b[0]) % p, (a[1] + b[1]) % p)


def fp2_multiply(a, b, p):
    return ((a[0] * b[0] - a[1] * b[1]) % p, (a[0] * b[1] + a[1] * b[0]) % p)


def fp2_power(a, exponent, p):
    result = (1, 0)
    for bit in f"{exponent:b}":
        result = fp2_multiply(result, result, p)
        if bit == "1":
            result = fp2_multiply(result, a, p)
    return result


def fp2_square_root(a, p):
    """For p = 3 mod 4 (Adj and Rodriguez-Henriquez, 2012, algorithm 9)."""
    first = fp2_power(a, (p - 3) // 4, p)
    alpha, root = fp2_multiply(fp2_multiply(first, first, p), a, p), fp2_multiply(first, a, p)
    if alpha == (p - 1, 0):
        root = fp2_multiply((0, 1), root, p)
    else:
        root = fp2_multiply(fp2_power(fp2_add((1, 0), alpha, p), (p - 1) // 2, p), root, p)
    return root if fp2_multiply(root, root, p) == a else None


def test_in_subgroup_accepts_multiples_and_refuses_other_curve_points(backend, curve, group, multiples):
    assert backend.in_subgroup(curve, group, multiples([1, 2, 0, 77])).all()
    cofactor = curve.g1_cofactor if group == "g1" else curve.g2_cofactor
    if cofactor == 1:
        return  # BN254's G1 is the whole curve
    outside = points_from_ints(curve, group, curve_points_outside_the_subgroup(curve, group, 4))
    assert len(outside) == 4
    assert backend.on_curve(curve, group, outside).all()
    assert not backend.in_subgroup(curve, group, outside).any()
