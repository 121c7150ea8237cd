"""Sparse products in lanes against those of one lane, which the reference checks."""

import numpy as np
import pytest

from kernels import SparseMatrix, get_backend, limbs_from_ints
from kernels.cpu.features import has_ifma
from kernels.cpu.ifma import IfmaBackend

COLUMNS = 11


def hostile_matrices(rng, r):
    """Rows that begin and end anywhere within eight entries and within a chunk, by name of their lengths."""
    lengths = {
        "no rows": [],
        "empty rows": [0] * 5,
        "single entries": [1] * 19,
        "eight": [8, 0, 0, 8],
        "one longer than a chunk": [0, 3, 600, 0, 1, 0],
        "random": [rng.randrange(5) for _ in range(300)],
    }
    for name, row_lengths in lengths.items():
        entries = sum(row_lengths)
        raw = [rng.choice([0, 1, r - 1, rng.randrange(r)]) for _ in range(entries)]  # any value is some coefficient
        yield (
            name,
            SparseMatrix(
                np.cumsum([0, *row_lengths]).astype(np.int64),
                np.array([rng.randrange(COLUMNS) for _ in range(entries)], np.int32),
                limbs_from_ints(raw, 4).reshape(-1, 4),
            ),
        )


def assert_equal_to_portable(lanes, curve, rng):
    r = curve.fr.modulus
    values = [rng.choice([0, 1, r - 1, rng.randrange(r)]) for _ in range(3 * COLUMNS)]
    vectors = limbs_from_ints(values, 4).reshape(3, COLUMNS, 4)
    vectors.flags.writeable = False
    for name, matrix in hostile_matrices(rng, r):
        for array in (matrix.indptr, matrix.indices, matrix.coefficients):
            array.flags.writeable = False
        wanted = get_backend("portable").sparse_product(curve, matrix, vectors)
        for threads in (1, 2, 3):
            assert np.array_equal(lanes.sparse_product(curve, matrix, vectors, threads), wanted), name


@pytest.mark.skipif(not has_ifma(), reason="this CPU has no IFMA; see the emulated test")
def test_rows_of_any_length(curve, rng):
    assert_equal_to_portable(get_backend("ifma"), curve, rng)


def test_emulated_lanes_multiply_entries(curve, rng):
    assert_equal_to_portable(IfmaBackend(native=False), curve, rng)
