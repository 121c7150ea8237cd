from kernels.encoding import ints_from_limbs
from prover.groth16.witness_map import witness_map


def value_at(r, nodes, values, x):
    """Lagrange interpolation by the definition."""
    total = 0
    for j, (node, value) in enumerate(zip(nodes, values, strict=True)):
        term = value
        for other in nodes[:j] + nodes[j + 1 :]:
            term = term * (x - other) * pow(node - other, -1, r) % r
        total += term
    return total % r


def test_values_are_a_b_minus_c_on_the_odd_coset(cubic, curve, rows, witness_of, backend):
    r, z = curve.fr.modulus, ints_from_limbs(witness_of(11))
    w, g = curve.root_of_unity(3), curve.root_of_unity(4)
    nodes = [pow(w, j, r) for j in range(8)]
    a, b, c = ([sum(value * z[i] for i, value in row.items()) % r for row in m] + [0] * 4 for m in rows)
    a[4:7] = z[:3]
    expected = []
    for j in range(8):
        at_a, at_b, at_c = (value_at(r, nodes, values, g * nodes[j]) for values in (a, b, c))
        expected.append((at_a * at_b - at_c) % r)
    assert ints_from_limbs(witness_map(cubic, witness_of(11), 8, backend)) == expected


def test_threads_do_not_change_the_values(cubic, witness_of, backend):
    assert (witness_map(cubic, witness_of(4), 8, backend, 2) == witness_map(cubic, witness_of(4), 8, backend)).all()
