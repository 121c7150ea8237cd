"""The number-theoretic transform by its recursive definition (Cooley and Tukey)."""

from __future__ import annotations

from collections.abc import Sequence


def evaluate(coefficients: Sequence[int], root: int, shift: int, modulus: int) -> list[int]:
    """Values of a polynomial at shift * root^i; ``root`` is a primitive n-th root of unity, n a power of two."""
    return _evaluate(_scaled(coefficients, 1, shift, modulus), root, modulus)


def interpolate(values: Sequence[int], root: int, shift: int, modulus: int) -> list[int]:
    """Inverse of :func:`evaluate`: the transform at the inverse root, divided by n, then by powers of the shift."""
    coefficients = _evaluate(values, pow(root, -1, modulus), modulus)
    return _scaled(coefficients, pow(len(values), -1, modulus), pow(shift, -1, modulus), modulus)


def _scaled(values: Sequence[int], factor: int, ratio: int, modulus: int) -> list[int]:
    scaled = []
    for value in values:
        scaled.append(value * factor % modulus)
        factor = factor * ratio % modulus
    return scaled


def _evaluate(coefficients: Sequence[int], root: int, modulus: int) -> list[int]:
    if len(coefficients) == 1:
        return list(coefficients)
    even = _evaluate(coefficients[0::2], root * root % modulus, modulus)
    odd = _scaled(_evaluate(coefficients[1::2], root * root % modulus, modulus), 1, root, modulus)
    pairs = list(zip(even, odd, strict=True))
    return [(a + b) % modulus for a, b in pairs] + [(a - b) % modulus for a, b in pairs]
