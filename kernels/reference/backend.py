"""The ``reference`` backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kernels import pairing_equation
from kernels.backend import Array, Bases, CombinationAnswer, EquationAnswer, PairingEquation, SparseMatrix, poll
from kernels.curves import Curve, Group
from kernels.encoding import ints_from_limbs, limbs_from_ints
from kernels.operands import (
    check_columns,
    check_domain,
    check_elements,
    check_equation_points,
    check_multiples,
    check_operands,
    check_pairs,
    check_points,
    check_scalars,
)
from kernels.reference import group_law, transform
from kernels.reference.pairing import pairing_product_is_one

LIMBS = 4


class ReferenceBackend:
    """Implements :class:`kernels.backend.Backend` on Python integers."""

    name = "reference"

    def load_bases(self, curve: Curve, group: Group, points: Array, table_bytes: int = 0) -> Bases:
        """Check the shape of ``points``; there are no tables."""
        if table_bytes < 0:
            raise ValueError(f"table_bytes must not be negative, not {table_bytes}")
        return Bases(curve, group, check_points(curve, group, points))

    def msm(
        self,
        bases: Bases,
        scalars: Array,
        threads: int = 1,  # noqa: ARG002 - part of the interface
        should_stop: Callable[[], bool] | None = None,
    ) -> Array:
        """Sum of scalars[i] * points[i]; a leading batch dimension gives one sum each."""
        scalars = check_scalars(bases, scalars)
        points = group_law.decode(bases.curve, bases.group, bases.points)
        rows = scalars if scalars.ndim == 3 else scalars[None]
        sums = [group_law.multiply_and_add(points, ints_from_limbs(row), should_stop) for row in rows]
        out = group_law.encode(bases.curve, bases.group, sums)
        return out if scalars.ndim == 3 else out[0]

    def multiply_base(
        self,
        curve: Curve,
        group: Group,
        point: Array,
        scalars: Array,
        threads: int = 1,  # noqa: ARG002 - part of the interface
    ) -> Array:
        """Multiples scalars[i] * point."""
        (base,) = group_law.decode(curve, group, check_points(curve, group, np.asarray(point)[None]))
        return group_law.encode(curve, group, group_law.multiples(base, ints_from_limbs(check_elements(scalars))))

    def multiply_points(self, curve: Curve, group: Group, points: Array, scalars: Array) -> Array:
        """Multiples scalars[i] * points[i]."""
        points, scalars = check_multiples(curve, group, points, scalars)
        pairs = zip(group_law.decode(curve, group, points), ints_from_limbs(scalars), strict=True)
        return group_law.encode(curve, group, [group_law.multiply(point, scalar) for point, scalar in pairs])

    def on_curve(self, curve: Curve, group: Group, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point has coordinates below p and lies on the curve."""
        points = check_points(curve, group, points)
        limbs = np.array([value < curve.fp.modulus for value in ints_from_limbs(points)], np.bool_)
        canonical = limbs.reshape(len(points), 2 * curve.coordinate_limbs(group) // curve.fp.limbs).all(axis=1)
        on_curve = [group_law.is_on_curve(curve, group, point) for point in group_law.decode(curve, group, points)]
        return np.logical_and(canonical, on_curve)

    def in_subgroup(self, curve: Curve, group: Group, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point on the curve has order dividing r."""
        decoded = group_law.decode(curve, group, check_points(curve, group, points))
        return np.array([group_law.multiply(point, curve.fr.modulus) is None for point in decoded], np.bool_)

    def ntt(
        self,
        curve: Curve,
        values: Array,
        inverse: bool = False,
        coset: int | None = None,
        threads: int = 1,  # noqa: ARG002 - part of the interface
        should_stop: Callable[[], bool] | None = None,
    ) -> Array:
        """Evaluate on, or with ``inverse`` interpolate from, the 2^k-th roots of unity (times ``coset``)."""
        values, log2_size = check_domain(curve, values, coset)
        poll(should_stop)
        step = transform.interpolate if inverse else transform.evaluate
        root, shift, r = curve.root_of_unity(log2_size), coset or 1, curve.fr.modulus
        rows = values.reshape(-1, 1 << log2_size, LIMBS)
        out = [value for row in rows for value in step(ints_from_limbs(row), root, shift, r)]
        return limbs_from_ints(out, LIMBS).reshape(values.shape)

    def multiply(self, curve: Curve, left: Array, right: Array) -> Array:
        """Montgomery product per element."""
        return _pointwise(curve, left, right, lambda a, b: a * b * curve.fr.R_inverse)

    def add(self, curve: Curve, left: Array, right: Array) -> Array:
        """Sum per element."""
        return _pointwise(curve, left, right, lambda a, b: a + b)

    def subtract(self, curve: Curve, left: Array, right: Array) -> Array:
        """Difference per element."""
        return _pointwise(curve, left, right, lambda a, b: a - b)

    def to_montgomery(self, curve: Curve, values: Array) -> Array:
        """Standard form to Montgomery form."""
        return _encode(curve, [value * curve.fr.R for value in ints_from_limbs(check_elements(values))], values.shape)

    def from_montgomery(self, curve: Curve, values: Array) -> Array:
        """Montgomery form to standard form."""
        values = check_elements(values)
        return _encode(curve, [value * curve.fr.R_inverse for value in ints_from_limbs(values)], values.shape)

    def sparse_product(
        self,
        curve: Curve,
        matrix: SparseMatrix,
        vectors: Array,
        threads: int = 1,  # noqa: ARG002 - part of the interface
    ) -> Array:
        """Matrix times vector(s)."""
        vectors = check_columns(matrix, vectors)
        coefficients = [curve.fr.from_montgomery(c) for c in ints_from_limbs(matrix.coefficients)]
        columns, bounds = matrix.indices.tolist(), matrix.indptr.tolist()

        def product(vector: Sequence[int]) -> list[int]:
            return [
                sum(coefficients[entry] * vector[columns[entry]] for entry in range(start, end))
                for start, end in pairwise(bounds)
            ]

        rows = vectors.reshape(-1, *vectors.shape[-2:])
        out = [value for row in rows for value in product(ints_from_limbs(row))]
        return _encode(curve, out, (*vectors.shape[:-2], matrix.rows, LIMBS))

    def pairing_product_is_one(self, curve: Curve, g1_points: Array, g2_points: Array) -> bool:
        """Whether the product of e(P_i, Q_i) is one."""
        g1_points, g2_points = check_pairs(curve, g1_points, g2_points)
        left, right = group_law.decode(curve, "g1", g1_points), group_law.decode(curve, "g2", g2_points)
        return pairing_product_is_one(curve, list(zip(left, right, strict=True)))

    def load_equation(self, curve: Curve, p: Array, q: Array, bases: Array) -> PairingEquation:
        """Prepare a pairing equation to be checked many times."""
        return pairing_equation.load(self, curve, *check_equation_points(curve, p, q), bases)

    def check_equation(self, equation: PairingEquation, scalars: Array, a: Array, b: Array, c: Array) -> EquationAnswer:
        """Check a pairing equation for A, B, C and scalars."""
        return pairing_equation.check(self, equation, scalars, a, b, c)

    def check_combination(
        self, equation: PairingEquation, weights: Array, scalars: Array, a: Array, b: Array, c: Array
    ) -> CombinationAnswer:
        """Check equations at once, each raised to its weight."""
        return pairing_equation.check_combined(self, equation, weights, scalars, a, b, c)


def _encode(curve: Curve, values: Sequence[int], shape: tuple[int, ...]) -> Array:
    return limbs_from_ints([value % curve.fr.modulus for value in values], LIMBS).reshape(shape)


def _pointwise(curve: Curve, left: Array, right: Array, operator: Callable[[int, int], int]) -> Array:
    left, right = check_operands(left, right)
    pairs = zip(ints_from_limbs(left), ints_from_limbs(right), strict=True)
    return _encode(curve, [operator(a, b) for a, b in pairs], left.shape)
