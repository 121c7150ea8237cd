"""The ``portable`` backend: 64-bit limbs, 128-bit products, any CPU that Numba compiles for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from kernels import pairing_equation
from kernels.backend import (
    Array,
    Bases,
    CombinationAnswer,
    EquationAnswer,
    PairingEquation,
    SparseMatrix,
    TableLayout,
    poll,
)
from kernels.cpu import msm as msm_algorithm
from kernels.cpu.bucket_msm import (
    ROWS_VERSION,
    Arithmetic,
    attached_bases,
    bucket_bases,
    bucket_layout,
    bucket_msm,
)
from kernels.cpu.pairing import pairing_kernels
from kernels.cpu.point_checks import on_curve_check, subgroup_check
from kernels.cpu.portable_buckets import one_lane
from kernels.cpu.scalars import ScalarKernels, scalar_kernels
from kernels.cpu.threads import for_each
from kernels.curves import Curve, Group, PrimeField
from kernels.encoding import montgomery_from_ints
from kernels.operands import (
    check_columns,
    check_domain,
    check_elements,
    check_equation_points,
    check_multiples,
    check_pairs,
    check_points,
    check_scalars,
)

SMALL_VECTORS = 1 << 12
"""Values of small vectors that are one job: some tenths of a millisecond."""


class PortableBackend:
    """Implements :class:`kernels.backend.Backend` with one-lane Numba kernels."""

    name = "portable"

    def load_bases(self, curve: Curve, group: Group, points: Array, table_bytes: int = 0) -> Bases:
        """Convert points to rows and precompute multiples of them in at most ``table_bytes``.

        Tables pay when a key is used more often than a few times: they save the doublings and all but a few of the
        bucket sets.
        """
        if table_bytes < 0:
            raise ValueError(f"table_bytes must not be negative, not {table_bytes}")
        points = check_points(curve, group, points)
        prepared = bucket_bases(self._arithmetic(curve, group), points, table_bytes)
        return Bases(curve, group, points[:0].copy(), prepared, len(points))

    def table_layout(self, curve: Curve, group: Group, count: int, table_bytes: int) -> TableLayout:
        """Form of the rows of ``count`` points: see :mod:`kernels.cpu.msm_plan`."""
        layout = bucket_layout(curve, group, count, table_bytes, shared=True)
        form = {"backend": self.name, "rows_version": ROWS_VERSION, "curve": curve.name, "group": group}
        described = {**form, "points": count, "stride": layout.stride, **asdict(layout.plan)}
        return TableLayout((layout.plan.blocks * layout.stride, layout.row_words), described)

    def make_table(self, curve: Curve, group: Group, points: Array, table_bytes: int) -> Array:
        """Make rows of points."""
        points = check_points(curve, group, points)
        return bucket_bases(self._arithmetic(curve, group), points, table_bytes, shared=True).rows

    def attach_bases(self, curve: Curve, group: Group, count: int, table_bytes: int, table: Array) -> Bases:
        """Bases over rows that are there already."""
        prepared = attached_bases(bucket_layout(curve, group, count, table_bytes, shared=True), count, table)
        return Bases(curve, group, np.empty((0, *curve.point_shape(group)), np.uint64), prepared, count)

    def msm(
        self, bases: Bases, scalars: Array, threads: int = 1, should_stop: Callable[[], bool] | None = None
    ) -> Array:
        """Sum of scalars[i] * points[i]; a leading batch dimension gives one sum each."""
        scalars = check_scalars(bases, scalars)
        batch = scalars if scalars.ndim == 3 else scalars[np.newaxis]
        sums = bucket_msm(self._arithmetic(bases.curve, bases.group), bases, batch, threads, should_stop)
        return sums.reshape(*scalars.shape[:-2], *bases.curve.point_shape(bases.group))

    def multiply_base(self, curve: Curve, group: Group, point: Array, scalars: Array, threads: int = 1) -> Array:
        """Multiples scalars[i] * point."""
        base = check_points(curve, group, np.asarray(point)[None])
        return msm_algorithm.multiply_base(curve, group, base[0], check_elements(scalars).reshape(-1, 4), threads)

    def multiply_points(self, curve: Curve, group: Group, points: Array, scalars: Array) -> Array:
        """Multiples scalars[i] * points[i]."""
        points, scalars = check_multiples(curve, group, points, scalars)
        out = np.empty(points.shape, np.uint64)
        for i in range(len(points)):
            out[i] = msm_algorithm.msm(Bases(curve, group, points[i : i + 1]), scalars[i : i + 1], 1, None)
        return out

    def on_curve(self, curve: Curve, group: Group, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point has coordinates below p and lies on the curve."""
        points = check_points(curve, group, points)
        out = np.empty(len(points), np.uint8)
        on_curve_check(curve, group)(points.reshape(-1), len(points), out)
        return out.astype(np.bool_)

    def in_subgroup(self, curve: Curve, group: Group, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point on the curve has order dividing r."""
        points = check_points(curve, group, points)
        out = np.empty(len(points), np.uint8)
        subgroup_check(curve, group)(points.reshape(-1), len(points), out)
        return out.astype(np.bool_)

    def ntt(
        self,
        curve: Curve,
        values: Array,
        inverse: bool = False,
        coset: int | None = None,
        threads: int = 1,
        should_stop: Callable[[], bool] | None = None,
    ) -> Array:
        """Evaluate on, or with ``inverse`` interpolate from, the 2^k-th roots of unity (times ``coset``)."""
        values, log2_size = check_domain(curve, values, coset)
        n, out = 1 << log2_size, values.copy()
        kernels = scalar_kernels(curve)
        domain = _domain(curve, log2_size, inverse, coset)

        def run(vectors: Array) -> None:
            poll(should_stop)
            flat, count = vectors.reshape(-1), len(vectors)
            if domain.before is not None:
                kernels.multiply(flat, np.tile(domain.before, count), n * count, 1, flat)
            kernels.transform(flat, domain.twiddles, domain.log2_size)
            if domain.after is not None:
                after = np.tile(domain.after, count) if domain.after_step else domain.after
                kernels.multiply(flat, after, n * count, domain.after_step, flat)

        vectors = out.reshape(-1, n, 4)
        each = max(1, SMALL_VECTORS >> log2_size)
        for_each(run, [vectors[first : first + each] for first in range(0, len(vectors), each)], threads)
        return out

    def multiply(self, curve: Curve, left: Array, right: Array) -> Array:
        """Montgomery product per element."""
        kernel = self._product_kernel(curve)
        return _pointwise(kernel, *((left, right) if np.ndim(left) >= np.ndim(right) else (right, left)))

    def add(self, curve: Curve, left: Array, right: Array) -> Array:
        """Sum per element."""
        kernel = scalar_kernels(curve).add
        return _pointwise(kernel, *((left, right) if np.ndim(left) >= np.ndim(right) else (right, left)))

    def subtract(self, curve: Curve, left: Array, right: Array) -> Array:
        """Difference per element."""
        left, right = np.asarray(left), np.asarray(right)
        if left.ndim < right.ndim:
            left = np.broadcast_to(left, right.shape)
        return _pointwise(scalar_kernels(curve).subtract, left, right)

    def to_montgomery(self, curve: Curve, values: Array) -> Array:
        """Standard form to Montgomery form."""
        return self.multiply(curve, values, _constant(curve.fr, curve.fr.R))

    def from_montgomery(self, curve: Curve, values: Array) -> Array:
        """Montgomery form to standard form."""
        return self.multiply(curve, values, _constant(curve.fr, curve.fr.R_inverse))

    def sparse_product(self, curve: Curve, matrix: SparseMatrix, vectors: Array, threads: int = 1) -> Array:
        """Matrix times vector(s)."""
        vectors = check_columns(matrix, vectors)
        out = np.empty((*vectors.shape[:-2], matrix.rows, 4), np.uint64)
        kernel = self._sparse_kernel(curve)
        coefficients = matrix.coefficients.reshape(-1)
        flat_in = vectors.reshape(-1, vectors.shape[-2] * 4)
        flat_out = out.reshape(len(flat_in), matrix.rows * 4)

        def run(job: tuple[int, int]) -> None:
            number, first = job
            chosen = slice(number, number + together)
            some_in, some_out = flat_in[chosen].reshape(-1), flat_out[chosen].reshape(-1)
            last, count = min(first + rows, matrix.rows), len(flat_in[chosen])
            kernel(matrix.indptr, matrix.indices, coefficients, some_in, count, first, last, some_out)

        # One vector is cut by rows; many vectors of a small matrix go together.
        together = max(1, SMALL_VECTORS // max(matrix.rows, 1))
        rows = matrix.rows if together > 1 else max(1, -(-matrix.rows // threads))
        jobs = [
            (number, first)
            for number in range(0, len(flat_in), together)
            for first in range(0, matrix.rows, max(rows, 1))
        ]
        for_each(run, jobs, threads)
        return out

    def _arithmetic(self, curve: Curve, group: Group) -> Arithmetic:
        return one_lane(curve, group)

    def _product_kernel(self, curve: Curve) -> Callable[..., None]:
        return scalar_kernels(curve).multiply

    def _sparse_kernel(self, curve: Curve) -> Callable[..., None]:
        return scalar_kernels(curve).sparse_product

    def pairing_product_is_one(self, curve: Curve, g1_points: Array, g2_points: Array) -> bool:
        """Whether the product of e(P_i, Q_i) is one."""
        g1_points, g2_points = check_pairs(curve, g1_points, g2_points)
        kernels = pairing_kernels(curve)
        value = np.empty(12 * curve.fp.limbs, np.uint64)
        kernels.miller_value(g1_points.reshape(-1), g2_points.reshape(-1), len(g1_points), value)
        return bool(kernels.exponentiates_to_one(value, 1))

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


class _Domain:
    """Constants of one transform: twiddles, and factors before and after (coset powers, 1/n)."""

    def __init__(self, curve: Curve, log2_size: int, inverse: bool, coset: int | None) -> None:
        field, kernels, n = curve.fr, scalar_kernels(curve), 1 << log2_size
        self.log2_size = log2_size
        root = curve.root_of_unity(log2_size)
        if inverse:
            root = pow(root, -1, field.modulus)
        self.twiddles = _powers(kernels, field, root, max(n // 2, 1))
        self.before: Array | None = None
        self.after: Array | None = None
        self.after_step = 0
        if not inverse:
            if coset is not None:
                self.before = _powers(kernels, field, coset, n)
            return
        self.after = montgomery_from_ints(field, [pow(n, -1, field.modulus)]).reshape(-1)
        if coset is not None:
            shifts = _powers(kernels, field, pow(coset, -1, field.modulus), n)
            kernels.multiply(shifts, self.after, n, 0, shifts)
            self.after, self.after_step = shifts, 1


def _powers(kernels: ScalarKernels, field: PrimeField, base: int, n: int) -> Array:
    out = np.empty(4 * n, np.uint64)
    kernels.powers(montgomery_from_ints(field, [base]).reshape(-1), n, out)
    return out


@functools.lru_cache(maxsize=16)  # a proof uses three; 2^20 elements take 32 MiB each
def _domain(curve: Curve, log2_size: int, inverse: bool, coset: int | None) -> _Domain:
    return _Domain(curve, log2_size, inverse, coset)


@functools.cache
def _constant(field: PrimeField, value: int) -> Array:
    """A factor that a Montgomery product turns a value by: ``value`` itself, in Montgomery form."""
    return montgomery_from_ints(field, [value]).reshape(-1)


def _pointwise(kernel: Callable[..., None], left: Array, right: Array) -> Array:
    left, right = check_elements(left), check_elements(right)
    single = right.size == 4
    if not single and left.shape != right.shape:
        raise ValueError(f"operands of shapes {left.shape} and {right.shape} do not match element for element")
    out = np.empty(left.shape, np.uint64)
    kernel(left.reshape(-1), right.reshape(-1), left.size // 4, 0 if single else 1, out.reshape(-1))
    return out
