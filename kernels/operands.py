"""Checks of the arrays that callers hand to a backend."""

from __future__ import annotations

import numpy as np

from kernels.backend import Array, Bases, SparseMatrix
from kernels.curves import Curve, Group


def check_points(curve: Curve, group: Group, points: Array) -> Array:
    """Return affine points as a C-contiguous array; what they are is for ``on_curve`` and ``in_subgroup``.

    Raises
    ------
    ValueError
        If dtype or shape is wrong.
    """
    shape = curve.point_shape(group)
    if points.dtype != np.uint64 or points.shape[1:] != shape:
        expected = ", ".join(str(extent) for extent in shape)
        raise ValueError(f"{group} points are uint64[n, {expected}], not {points.dtype}{list(points.shape)}")
    return np.ascontiguousarray(points)


def check_pairs(curve: Curve, g1_points: Array, g2_points: Array) -> tuple[Array, Array]:
    """Return the points of a pairing product, as many of each group.

    Raises
    ------
    ValueError
        If dtype or shape is wrong, or the numbers differ.
    """
    g1_points, g2_points = check_points(curve, "g1", g1_points), check_points(curve, "g2", g2_points)
    if len(g1_points) != len(g2_points):
        raise ValueError(f"a pairing product needs pairs, not {len(g1_points)} and {len(g2_points)} points")
    return g1_points, g2_points


def check_equation_points(curve: Curve, p: Array, q: Array) -> tuple[Array, Array]:
    """Return the known points of a pairing equation.

    Raises
    ------
    ValueError
        If dtype, shape or number is wrong.
    """
    q = check_points(curve, "g2", q)
    if len(q) != 3:
        raise ValueError(f"a pairing equation takes three points of g2, not {len(q)}")
    return check_points(curve, "g1", p[np.newaxis])[0], q


def check_elements(values: Array) -> Array:
    """Return scalar field elements ``uint64[..., 4]`` as a C-contiguous array.

    Raises
    ------
    ValueError
        If dtype or shape is wrong.
    """
    if values.dtype != np.uint64 or values.ndim < 1 or values.shape[-1] != 4:
        raise ValueError(f"field elements are uint64[..., 4], not {values.dtype}{list(values.shape)}")
    return np.ascontiguousarray(values)


def check_scalars(bases: Bases, scalars: Array) -> Array:
    """Return the scalars of an MSM, one for each base, in one row or in several.

    Raises
    ------
    ValueError
        If dtype or shape is wrong.
    """
    scalars = check_elements(scalars)
    if scalars.ndim not in {2, 3} or scalars.shape[-2] != len(bases):
        raise ValueError(f"scalars must be uint64[{len(bases)}, 4] or [batch, {len(bases)}, 4], not {scalars.shape}")
    return scalars


def check_multiples(curve: Curve, group: Group, points: Array, scalars: Array) -> tuple[Array, Array]:
    """Return points and as many scalars.

    Raises
    ------
    ValueError
        If dtype or shape is wrong, or the numbers differ.
    """
    points, scalars = check_points(curve, group, points), check_elements(scalars)
    if scalars.shape != (len(points), 4):
        raise ValueError(f"{len(points)} points take scalars uint64[{len(points)}, 4], not {scalars.shape}")
    return points, scalars


def check_domain(curve: Curve, values: Array, coset: int | None) -> tuple[Array, int]:
    """Return the values of a transform and the base-two logarithm of their number.

    Raises
    ------
    ValueError
        If dtype or shape is wrong, the number is no power of two, or the coset's generator is out of range.
    """
    values = check_elements(values)
    n = values.shape[-2] if values.ndim > 1 else 0
    if n == 0 or n & (n - 1):
        raise ValueError(f"a transform needs uint64[..., 2^k, 4], not {values.shape}")
    if coset is not None and not 0 < coset < curve.fr.modulus:
        raise ValueError("a coset generator lies between 0 and r")
    return values, n.bit_length() - 1


def check_operands(left: Array, right: Array) -> tuple[Array, Array]:
    """Return two arrays of field elements of one shape; a single element stands for as many as the other has.

    Raises
    ------
    ValueError
        If a dtype or shape is wrong.
    """
    left, right = check_elements(left), check_elements(right)
    if left.shape != right.shape and 1 not in {left.ndim, right.ndim}:
        raise ValueError(f"operands of shapes {left.shape} and {right.shape} do not match element for element")
    left, right = np.broadcast_arrays(left, right)
    return left, right


def check_columns(matrix: SparseMatrix, vectors: Array) -> Array:
    """Return vectors that have an element for every column of a matrix.

    Raises
    ------
    ValueError
        If dtype or shape is wrong.
    """
    vectors = check_elements(vectors)
    if vectors.ndim < 2 or (len(matrix.indices) and int(matrix.indices.max()) >= vectors.shape[-2]):
        raise ValueError(f"the matrix has columns that vectors of shape {vectors.shape} lack")
    return vectors
