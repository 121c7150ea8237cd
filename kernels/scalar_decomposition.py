"""Scalars as short sums over the powers of an endomorphism.

An endomorphism E of a curve multiplies the subgroup of order r by an eigenvalue e. The vectors (a_0, ..., a_{m-1}) with
a_0 + a_1 e + ... = 0 modulo r form a lattice of determinant r, so a scalar k, less the lattice vector nearest to
(k, 0, ..., 0), is a sum k_0 + k_1 e + ... of m parts of about 1/m of its bits. A sum of n multiples then is one of m n
multiples by short scalars, of the points and their images, with fewer doublings and fewer sets of buckets.

References
----------
- R. Gallant, R. Lambert, S. Vanstone, "Faster point multiplication on elliptic curves with efficient endomorphisms",
  CRYPTO 2001, section 4.
- S. Galbraith, X. Lin, M. Scott, "Endomorphisms for faster elliptic curve cryptography on a large class of curves",
  EUROCRYPT 2009.
- A. Lenstra, H. Lenstra, L. Lovász, "Factoring polynomials with rational coefficients", 1982 (the reduced basis).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from kernels.curves import Curve, Group
from kernels.endomorphisms import Endomorphism, cube_root_endomorphism, psi

Vector = tuple[int, ...]


@dataclass(frozen=True)
class Decomposition:
    """How the scalars of a group are cut into ``images`` parts.

    Attributes
    ----------
    endomorphism
        None where the scalar stays whole, but for its sign: the nearest multiple of r is taken off.
    basis
        Short vectors that stand for zero.
    numerators
        k numerators[j] / r is the coordinate of (k, 0, ...) along basis[j].
    bits
        Every part is below 2^bits in absolute value, for any scalar below r.
    """

    r: int
    endomorphism: Endomorphism | None
    basis: tuple[Vector, ...]
    numerators: Vector
    bits: int

    @property
    def images(self) -> int:
        """Number of parts: of points that an MSM has for each of its own."""
        return len(self.numerators) or 1

    def parts(self, scalar: int) -> Vector:
        """Cut a scalar below r."""
        if self.endomorphism is None:
            return (scalar if 2 * scalar < self.r else scalar - self.r,)
        nearest = [(2 * scalar * numerator + self.r) // (2 * self.r) for numerator in self.numerators]
        return tuple(
            (scalar if i == 0 else 0) - sum(c * vector[i] for c, vector in zip(nearest, self.basis, strict=True))
            for i in range(self.images)
        )


@functools.cache
def decomposition(curve: Curve, group: Group, images: int) -> Decomposition:
    """Cut scalars into 1 part, or into 2 in G1, or into 4 in G2.

    Raises
    ------
    ValueError
        For any other number.
    """
    r = curve.fr.modulus
    if images == 1:
        return Decomposition(r, None, (), (), (r // 2).bit_length())
    if images not in part_counts(group):
        raise ValueError(f"scalars of {group} are cut into {' or '.join(map(str, part_counts(group)))} parts")
    endomorphism = cube_root_endomorphism(curve) if group == "g1" else psi(curve)
    powers = [pow(endomorphism.eigenvalue, i, r) for i in range(images)]
    lattice = [(r, *[0] * (images - 1))]
    lattice += [(-powers[i], *(int(i == j) for j in range(1, images))) for i in range(1, images)]
    basis = _reduced(lattice)
    # Coordinates of (1, 0, ...): the first row of the inverse, whose entries have denominator +-r.
    coordinates = _solve(basis, (1, *[0] * (images - 1)))
    numerators = tuple(int(c * r) for c in coordinates)
    # Half of every basis vector is left at most, and a little for coordinates that are rounded twice.
    most = max(sum(abs(vector[i]) for vector in basis) for i in range(images))
    return Decomposition(r, endomorphism, basis, numerators, (most * 129 // 256 + 1).bit_length())


def part_counts(group: Group) -> tuple[int, ...]:
    """Into how many parts :func:`decomposition` cuts the scalars of a group."""
    return (1, 2) if group == "g1" else (1, 4)


def _inner(a: Sequence[int | Fraction], b: Sequence[int | Fraction]) -> Fraction:
    return sum((Fraction(x) * y for x, y in zip(a, b, strict=True)), Fraction(0))


def _orthogonal(basis: Sequence[Vector]) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
    """Gram-Schmidt: orthogonal vectors and the coefficients that lead back."""
    vectors: list[list[Fraction]] = []
    coefficients: list[list[Fraction]] = []
    for b in basis:
        mu = [_inner(b, v) / _inner(v, v) for v in vectors]
        vectors.append([Fraction(x) - sum(m * v[i] for m, v in zip(mu, vectors, strict=True)) for i, x in enumerate(b)])
        coefficients.append(mu)
    return vectors, coefficients


def _reduced(lattice: Sequence[Vector]) -> tuple[Vector, ...]:
    """Lenstra, Lenstra and Lovász's basis, with their constant 3/4; in rationals, as it is made once a group."""
    basis, k = list(lattice), 1
    while k < len(basis):
        for j in range(k - 1, -1, -1):
            nearest = round(_orthogonal(basis)[1][k][j])
            basis[k] = tuple(x - nearest * y for x, y in zip(basis[k], basis[j], strict=True))
        vectors, mu = _orthogonal(basis)
        if _inner(vectors[k], vectors[k]) >= (Fraction(3, 4) - mu[k][k - 1] ** 2) * _inner(
            vectors[k - 1], vectors[k - 1]
        ):
            k += 1
        else:
            basis[k - 1], basis[k] = basis[k], basis[k - 1]
            k = max(k - 1, 1)
    return tuple(basis)


def _solve(basis: Sequence[Vector], target: Vector) -> list[Fraction]:
    """Coordinates c with sum c_j basis[j] = target, by elimination."""
    n = len(basis)
    rows = [[Fraction(basis[j][i]) for j in range(n)] + [Fraction(target[i])] for i in range(n)]
    for column in range(n):
        pivot = next(i for i in range(column, n) if rows[i][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [x / rows[column][column] for x in rows[column]]
        for i in range(n):
            if i != column:
                rows[i] = [x - rows[i][column] * y for x, y in zip(rows[i], rows[column], strict=True)]
    return [row[-1] for row in rows]
