import itertools
import math

import pytest

from kernels.curves import BLS12_381, BN254
from prover.circuits.poseidon_parameters import WIDTHS, poseidon_parameters, round_numbers

CURVES = pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)
PUBLISHED_PARTIAL_ROUNDS = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68]  # circomlib, t = 2 ... 17


@CURVES
def test_round_numbers_are_the_published_ones(curve):
    numbers = [round_numbers(curve.fr.modulus, width) for width in WIDTHS]
    assert numbers == [(8, partial) for partial in PUBLISHED_PARTIAL_ROUNDS]


@CURVES
def test_the_exponent_permutes_the_field(curve):
    assert math.gcd(5, curve.fr.modulus - 1) == 1


@CURVES
@pytest.mark.parametrize("width", [2, 3, 4])
def test_rounds_and_constants_have_their_numbers(curve, width):
    parameters = poseidon_parameters(curve.fr.modulus, width)
    rounds = parameters.full_rounds + parameters.partial_rounds
    assert [len(constants) for constants in parameters.round_constants] == [width] * rounds
    assert len(set(itertools.chain(*parameters.round_constants))) == width * rounds
    full = [parameters.is_full(number) for number in range(rounds)]
    assert full == [True] * 4 + [False] * parameters.partial_rounds + [True] * 4


@CURVES
@pytest.mark.parametrize("width", [2, 3, 4, 5])
def test_every_square_submatrix_is_invertible(curve, width):
    matrix = poseidon_parameters(curve.fr.modulus, width).matrix
    for size in range(1, width + 1):
        for rows in itertools.combinations(matrix, size):
            for columns in itertools.combinations(range(width), size):
                minor = [[row[column] for column in columns] for row in rows]
                assert rank(minor, curve.fr.modulus) == size


@CURVES
@pytest.mark.parametrize("width", [2, 3, 4, 5])
def test_no_subspace_escapes_the_sbox_of_the_partial_rounds(curve, width):
    """No differences stay outside the first element for ever, nor is a proper subspace around it kept.

    Checked for the matrix' powers too: a trail may be periodic (Grassi, Rechberger, Schofnegger, "Proving Resistance
    Against Infinitely Long Subspace Trails", 2020).
    """
    p, matrix = curve.fr.modulus, poseidon_parameters(curve.fr.modulus, width).matrix
    power = matrix
    for _ in range(2 * width):
        for candidate in (power, tuple(zip(*power, strict=True))):
            vector, images = [1] + [0] * (width - 1), []
            for _ in range(width):
                images.append(vector)
                vector = [sum(m * v for m, v in zip(row, vector, strict=True)) % p for row in candidate]
            assert rank(images, p) == width
        power = tuple(
            tuple(sum(a * b for a, b in zip(row, column, strict=True)) % p for column in zip(*matrix, strict=True))
            for row in power
        )


@pytest.mark.parametrize("width", [0, 1, 18])
def test_other_widths_are_refused(width):
    with pytest.raises(ValueError, match="hashes 1 to 16 elements"):
        poseidon_parameters(BN254.fr.modulus, width)


def rank(rows, p):
    rows, found = [list(row) for row in rows], 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column] % p), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        inverse = pow(rows[found][column], -1, p)
        for i in range(found + 1, len(rows)):
            factor = rows[i][column] * inverse
            rows[i] = [(x - factor * y) % p for x, y in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found
