"""Arithmetic for pairing-based proofs on BLS12-381 and BN254: fields, curves, MSM, NTT, pairing.

One interface (:class:`Backend`), interchangeable implementations, chosen by :func:`get_backend`. This package knows
nothing of proofs or of the cluster.
"""

from __future__ import annotations

from kernels.backend import Array, Backend, Bases, Interrupted, SparseMatrix
from kernels.curves import BLS12_381, BN254, CURVES, Curve, Group, PrimeField, get_curve
from kernels.encoding import (
    ints_from_limbs,
    ints_from_montgomery,
    limbs_from_ints,
    montgomery_from_ints,
    points_from_ints,
    points_to_ints,
)
from kernels.selection import get_backend
from kernels.version import __version__

__all__ = [
    "BLS12_381",
    "BN254",
    "CURVES",
    "Array",
    "Backend",
    "Bases",
    "Curve",
    "Group",
    "Interrupted",
    "PrimeField",
    "SparseMatrix",
    "__version__",
    "get_backend",
    "get_curve",
    "ints_from_limbs",
    "ints_from_montgomery",
    "limbs_from_ints",
    "montgomery_from_ints",
    "pairing_product_is_one",
    "points_from_ints",
    "points_to_ints",
]


def pairing_product_is_one(curve: Curve, g1_points: Array, g2_points: Array) -> bool:
    """Whether the product of e(P_i, Q_i) is one, on the default backend.

    See :meth:`kernels.backend.Backend.pairing_product_is_one`.
    """
    return get_backend().pairing_product_is_one(curve, g1_points, g2_points)
