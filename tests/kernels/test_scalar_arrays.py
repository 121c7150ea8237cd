"""Transforms, pointwise operations and sparse products over Fr, against Python integers."""

import numpy as np
import pytest

from kernels import SparseMatrix, get_backend, ints_from_limbs, limbs_from_ints, montgomery_from_ints
from kernels.cpu.features import has_ifma
from kernels.reference import ReferenceBackend


@pytest.fixture(params=["portable", "ifma", "reference"])
def backend(request):
    if request.param == "ifma" and not has_ifma():
        pytest.skip("this CPU has no IFMA; the lane code is tested by emulation in tests/kernels/cpu")
    return ReferenceBackend() if request.param == "reference" else get_backend(request.param)


def evaluate(coefficients, x, r):
    return sum(c * pow(x, i, r) for i, c in enumerate(coefficients)) % r


@pytest.fixture(params=["one", "odd coset", "7"])
def coset(request, curve):
    return {"one": lambda _: None, "odd coset": lambda k: curve.root_of_unity(k + 1), "7": lambda _: 7}[request.param]


@pytest.mark.parametrize("k", [0, 1, 2, 3, 6])
def test_transform_evaluates_the_polynomial_on_the_coset(backend, curve, rng, coset, k):
    r, n, g = curve.fr.modulus, 1 << k, coset(k)
    for coefficients in ([rng.randrange(r) for _ in range(n)], [r - 1] * n, [0] * n, [1] + [0] * (n - 1)):
        values = limbs_from_ints(coefficients, 4)
        root = curve.root_of_unity(k)
        wanted = [evaluate(coefficients, (g or 1) * pow(root, i, r), r) for i in range(n)]
        evaluations = backend.ntt(curve, values, coset=g)
        assert ints_from_limbs(evaluations) == wanted
        assert np.array_equal(backend.ntt(curve, evaluations, inverse=True, coset=g), values)


def test_transform_of_a_batch_equals_the_rows_and_leaves_its_input(backend, curve, rng):
    values = limbs_from_ints([rng.randrange(curve.fr.modulus) for _ in range(6 * 16)], 4).reshape(2, 3, 16, 4)
    before = values.copy()
    values.flags.writeable = False
    whole = backend.ntt(curve, values, threads=2)
    rows = [backend.ntt(curve, row) for row in values.reshape(6, 16, 4)]
    assert np.array_equal(whole.reshape(6, 16, 4), np.array(rows))
    assert np.array_equal(values, before)


@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (6, 4), (4,), (8, 5)])
def test_transform_of_a_wrong_shape_is_refused(backend, curve, shape):
    with pytest.raises(ValueError, match="uint64"):
        backend.ntt(curve, np.zeros(shape, np.uint64))


def test_pointwise_operations_equal_integer_arithmetic(backend, curve, rng):
    r, inverse = curve.fr.modulus, curve.fr.R_inverse
    edges = [0, 1, r - 1, r - 2, (1 << 64) - 1, (1 << 192) - 1, rng.randrange(r)]
    pairs = [(a, b) for a in edges for b in edges]
    left, right = (limbs_from_ints([pair[side] for pair in pairs], 4) for side in (0, 1))
    assert ints_from_limbs(backend.add(curve, left, right)) == [(a + b) % r for a, b in pairs]
    assert ints_from_limbs(backend.subtract(curve, left, right)) == [(a - b) % r for a, b in pairs]
    assert ints_from_limbs(backend.multiply(curve, left, right)) == [a * b * inverse % r for a, b in pairs]
    single = limbs_from_ints([5], 4)[0]
    assert ints_from_limbs(backend.subtract(curve, single, left)) == [(5 - a) % r for a, _ in pairs]
    assert ints_from_limbs(backend.multiply(curve, single, left)) == [5 * a * inverse % r for a, _ in pairs]
    montgomery = backend.to_montgomery(curve, left)
    assert np.array_equal(montgomery, montgomery_from_ints(curve.fr, [a for a, _ in pairs]))
    assert np.array_equal(backend.from_montgomery(curve, montgomery), left)


def test_sparse_product_equals_the_dense_one(backend, curve, rng):
    r, rows, columns = curve.fr.modulus, 9, 7
    dense = [[rng.choice([0, 0, 1, r - 1, rng.randrange(r)]) for _ in range(columns)] for _ in range(rows)]
    dense[4] = [0] * columns  # an empty row
    entries = [(i, j, c) for i, row in enumerate(dense) for j, c in enumerate(row) if c]
    indptr = np.cumsum([0] + [sum(1 for c in row if c) for row in dense]).astype(np.int64)
    matrix = SparseMatrix(
        indptr,
        np.array([j for _, j, _ in entries], np.int32),
        montgomery_from_ints(curve.fr, [c for _, _, c in entries]),
    )
    vectors = [[rng.randrange(r) for _ in range(columns)] for _ in range(3)]
    array = limbs_from_ints([v for vector in vectors for v in vector], 4).reshape(3, columns, 4)
    wanted = [sum(c * v for c, v in zip(row, vector, strict=True)) % r for vector in vectors for row in dense]
    assert ints_from_limbs(backend.sparse_product(curve, matrix, array)) == wanted
    assert ints_from_limbs(backend.sparse_product(curve, matrix, array, threads=2)) == wanted
    assert ints_from_limbs(backend.sparse_product(curve, matrix, array[0])) == wanted[:rows]
    with pytest.raises(ValueError, match="columns"):
        backend.sparse_product(curve, matrix, array[:, :5])
