"""Elements of Fp, Fp2 and Fp12 as Python integers, with the operators that the formulas use."""

from __future__ import annotations

from dataclasses import dataclass

from kernels.curves import Curve
from kernels.formulas import tower


@dataclass(frozen=True, slots=True)
class FpElement:
    """An integer modulo p."""

    value: int
    p: int

    def __add__(self, other: FpElement) -> FpElement:
        return FpElement((self.value + other.value) % self.p, self.p)

    def __sub__(self, other: FpElement) -> FpElement:
        return FpElement((self.value - other.value) % self.p, self.p)

    def __neg__(self) -> FpElement:
        return FpElement(-self.value % self.p, self.p)

    def __mul__(self, other: FpElement) -> FpElement:
        return FpElement(self.value * other.value % self.p, self.p)

    def square(self) -> FpElement:
        """Return the square."""
        return self * self

    def double(self) -> FpElement:
        """Twice the element."""
        return self + self

    def inverse(self) -> FpElement:
        """Return 1 / x; x is not zero."""
        return FpElement(pow(self.value, -1, self.p), self.p)


@dataclass(frozen=True, slots=True)
class Fp2Element:
    """c0 + c1 u with u^2 = -1."""

    c0: int
    c1: int
    curve: Curve

    def _of(self, c0: int, c1: int) -> Fp2Element:
        p = self.curve.fp.modulus
        return Fp2Element(c0 % p, c1 % p, self.curve)

    def __add__(self, other: Fp2Element) -> Fp2Element:
        return self._of(self.c0 + other.c0, self.c1 + other.c1)

    def __sub__(self, other: Fp2Element) -> Fp2Element:
        return self._of(self.c0 - other.c0, self.c1 - other.c1)

    def __neg__(self) -> Fp2Element:
        return self._of(-self.c0, -self.c1)

    def __mul__(self, other: Fp2Element) -> Fp2Element:
        (a0, a1), (b0, b1) = (self.c0, self.c1), (other.c0, other.c1)
        return self._of(a0 * b0 - a1 * b1, a0 * b1 + a1 * b0)

    def __pow__(self, exponent: int) -> Fp2Element:
        result = Fp2Element(1, 0, self.curve)
        for bit in f"{exponent:b}":
            result = result * result * self if bit == "1" else result * result
        return result

    def square(self) -> Fp2Element:
        """Return the square."""
        return self * self

    def double(self) -> Fp2Element:
        """Twice the element."""
        return self + self

    def conjugate(self) -> Fp2Element:
        """c0 - c1 u."""
        return self._of(self.c0, -self.c1)

    def scale(self, factor: FpElement) -> Fp2Element:
        """Return the product with an element of Fp."""
        return self._of(self.c0 * factor.value, self.c1 * factor.value)

    def times_xi(self) -> Fp2Element:
        """Return the product with the sextic non-residue."""
        return self * Fp2Element(*self.curve.xi, self.curve)

    def inverse(self) -> Fp2Element:
        """Return 1 / x; x is not zero."""
        scale = pow(self.c0**2 + self.c1**2, -1, self.curve.fp.modulus)
        return self._of(self.c0 * scale, -self.c1 * scale)


@dataclass(frozen=True, slots=True)
class Fp12Element:
    """Six coefficients in Fp2, in the order of :mod:`kernels.formulas.tower`."""

    coefficients: tower.Fp12

    def __mul__(self, other: Fp12Element) -> Fp12Element:
        return Fp12Element(tower.multiply12(self.coefficients, other.coefficients))

    def __pow__(self, exponent: int) -> Fp12Element:
        result = self
        for bit in f"{exponent:b}"[1:]:
            result = result.square() * self if bit == "1" else result.square()
        return result

    def square(self) -> Fp12Element:
        """Return the square."""
        return Fp12Element(tower.square12(self.coefficients))

    def conjugate(self) -> Fp12Element:
        """Return the p^6-th power."""
        return Fp12Element(tower.conjugate12(self.coefficients))

    def inverse(self) -> Fp12Element:
        """Return 1 / x; x is not zero."""
        norm, *parts = tower.norm_to_fp2(self.coefficients)
        return Fp12Element(tower.inverse_from_norm(self.coefficients, (norm.inverse(), *parts)))


def fp12_one(curve: Curve) -> Fp12Element:
    """One of Fp12."""
    zero = Fp2Element(0, 0, curve)
    return Fp12Element((Fp2Element(1, 0, curve), zero, zero, zero, zero, zero))
