"""The final exponentiation f^(m (p^12 - 1) / r), written once for every representation of Fp12.

The factor m is prime to r, so the result is one exactly when the pairing is: m = 3 for BLS12 and
m = 2 x (6 x^2 + 3 x + 1) for BN curves.

References
----------
- D. Hayashida, K. Hayasaka, T. Teruya, "Efficient final exponentiation via cyclotomic structure for pairings over
  families of elliptic curves", 2020.
- L. Fuentes-Castaneda, E. Knapp, F. Rodriguez-Henriquez, "Faster hashing to G2", 2011, section 5.
"""

from __future__ import annotations

from typing import Protocol, Self, TypeVar

from kernels.ate import Ate, signed_digits


class Fp12Value(Protocol):
    """An element of Fp12 whose operations are methods."""

    def __mul__(self, other: Self) -> Self: ...

    def inverse(self) -> Self:
        """1 / f."""
        ...

    def conjugate(self) -> Self:
        """The p^6-th power."""
        ...

    def frobenius(self) -> Self:
        """The p-th power."""
        ...

    def cyclotomic_square(self) -> Self:
        """Square of an element of the cyclotomic subgroup."""
        ...


T = TypeVar("T", bound=Fp12Value)


def final_exponentiation(f: T, ate: Ate) -> T:
    """Raise to m (p^12 - 1) / r."""
    f = f.conjugate() * f.inverse()  # to the p^6 - 1
    f = f.frobenius().frobenius() * f  # to the p^2 + 1: now in the cyclotomic subgroup, where 1 / f = f.conjugate()
    return _hard_part_bls12(f, ate.curve.seed) if ate.family == "bls12" else _hard_part_bn(f, ate.curve.seed)


def _hard_part_bls12(f: T, x: int) -> T:
    """To the 3 (p^4 - p^2 + 1) / r = (x - 1)^2 (x + p) (x^2 + p^2 - 1) + 3."""
    a = _power(f, x) * f.conjugate()
    a = _power(a, x) * a.conjugate()
    b = _power(a, x) * a.frobenius()
    c = _power(_power(b, x), x) * b.frobenius().frobenius() * b.conjugate()
    return c * f.cyclotomic_square() * f


def _hard_part_bn(f: T, x: int) -> T:
    """To the m (p^4 - p^2 + 1) / r = l0 + l1 p + l2 p^2 + l3 p^3.

    l0 = 12x^3 + 12x^2 + 6x + 1, l1 = 12x^3 + 6x^2 + 4x, l2 = 12x^3 + 6x^2 + 6x, l3 = 12x^3 + 6x^2 + 4x - 1.
    """
    f_2x = _power(f, x).cyclotomic_square()
    f_6x = f_2x.cyclotomic_square() * f_2x
    f_6xx = _power(f_6x, x)
    f_12xxx = _power(f_6xx, x).cyclotomic_square()
    f_l2 = f_12xxx * f_6xx * f_6x
    f_l1 = f_l2 * f_2x.conjugate()
    f_l0 = f_l2 * f_6xx * f
    f_l3 = f_l1 * f.conjugate()
    return ((f_l3.frobenius() * f_l2).frobenius() * f_l1).frobenius() * f_l0


def _power(f: T, exponent: int) -> T:
    """Raise an element of the cyclotomic subgroup, where inverting costs nothing, to a power."""
    inverse = f.conjugate()
    result = f
    for digit in signed_digits(abs(exponent))[1:]:
        result = result.cyclotomic_square()
        if digit:
            result *= f if digit > 0 else inverse
    return result if exponent > 0 else result.conjugate()
