"""Scalars cut into parts, and the same parts from the kernel."""

import numpy as np
import pytest

from kernels import limbs_from_ints
from kernels.cpu.digits import halves, split, word_count
from kernels.cpu.msm_plan import window_count
from kernels.scalar_decomposition import decomposition, part_counts


def _edges(r, eigenvalue, rng):
    powers = [pow(eigenvalue, i, r) for i in range(4)]
    near = [(s * power + d) % r for power in powers for s in (1, -1) for d in (-1, 0, 1)]
    return [0, 1, 2, r - 1, r // 2, r // 2 + 1, (1 << 128) - 1, 1 << 64, *near, *(rng.randrange(r) for _ in range(300))]


def test_parts_add_up_to_the_scalar_and_are_short(curve, group, rng):
    r, images = curve.fr.modulus, part_counts(group)[-1]
    cut = decomposition(curve, group, images)
    assert cut.bits <= r.bit_length() // images + 2
    for scalar in _edges(r, cut.endomorphism.eigenvalue, rng):
        parts = cut.parts(scalar)
        assert len(parts) == images
        assert sum(part * pow(cut.endomorphism.eigenvalue, i, r) for i, part in enumerate(parts)) % r == scalar
        assert all(abs(part) < 1 << cut.bits for part in parts)


def test_a_whole_scalar_is_the_nearest_to_zero(curve, group, rng):
    r = curve.fr.modulus
    cut = decomposition(curve, group, 1)
    assert cut.bits == r.bit_length() - 1
    for scalar in _edges(r, 7, rng):
        (part,) = cut.parts(scalar)
        assert (part - scalar) % r == 0
        assert abs(part) <= r // 2 < 1 << cut.bits


def test_every_basis_vector_stands_for_zero(curve, group):
    images = part_counts(group)[-1]
    cut = decomposition(curve, group, images)
    for vector in cut.basis:
        assert sum(v * pow(cut.endomorphism.eigenvalue, i, cut.r) for i, v in enumerate(vector)) % cut.r == 0


def test_an_unknown_number_of_parts_is_refused(curve, group):
    with pytest.raises(ValueError, match="parts"):
        decomposition(curve, group, 3)


@pytest.mark.parametrize("window_bits", [3, 8, 13, 16, 17])
def test_the_kernel_cuts_and_digits_add_up(curve, group, window_bits, rng):
    r = curve.fr.modulus
    for images in part_counts(group):
        cut = decomposition(curve, group, images)
        scalars = _edges(r, 7 if cut.endomorphism is None else cut.endomorphism.eigenvalue, rng)
        windows, n = window_count(cut.bits, window_bits), len(scalars)
        parts = split(
            curve, group, images, limbs_from_ints(scalars, 4)[np.newaxis], window_bits, windows, np.array([3])
        )
        h = halves(window_bits, windows)
        scalars[3] = 0  # left out
        eigenvalue = 1 if cut.endomorphism is None else cut.endomorphism.eigenvalue
        for i, scalar in enumerate(scalars):
            total = 0
            for j in range(images):
                words = [int(parts.words[0, w, j * n + i]) for w in range(word_count(cut.bits))]
                value = sum(word << (64 * w) for w, word in enumerate(words))
                digits = [
                    (value >> (window_bits * w) & ((1 << window_bits) - 1)) - (1 << window_bits - 1) * (w < windows - 1)
                    for w in range(windows)
                ]
                assert all(abs(digit) <= 1 << window_bits - 1 for digit in digits)
                magnitude = sum(digit << (window_bits * w) for w, digit in enumerate(digits))
                assert magnitude == value - h >= 0
                total += (-magnitude if parts.negative[0, j * n + i] else magnitude) * pow(eigenvalue, j, r)
            assert (total - scalar) % r == 0
