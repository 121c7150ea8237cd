"""Between Python integers and limb arrays.

Arrays hold 64-bit limbs, least significant first, C-contiguous. Field elements of a point are in Montgomery form
(R = 2^(64 L)), scalars in standard form; all-zero coordinates are the point at infinity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kernels.curves import Curve, Fp2, Group, PrimeField

Limbs: TypeAlias = npt.NDArray[np.uint64]
G1Affine: TypeAlias = "tuple[int, int] | None"
G2Affine: TypeAlias = "tuple[Fp2, Fp2] | None"


def limbs_from_ints(values: Sequence[int], limbs: int) -> Limbs:
    """Pack non-negative integers below 2^(64 limbs) into ``uint64[n, limbs]``.

    Raises
    ------
    OverflowError
        If a value is negative or does not fit.
    """
    width = 8 * limbs
    packed = b"".join(value.to_bytes(width, "little") for value in values)
    return np.frombuffer(packed, dtype="<u8").reshape(len(values), limbs).astype(np.uint64, copy=True)


def ints_from_limbs(array: npt.NDArray[np.uint64]) -> list[int]:
    """Read ``uint64[..., limbs]`` as a flat list of integers."""
    width = 8 * array.shape[-1]
    packed = np.ascontiguousarray(array, dtype="<u8").tobytes()
    return [int.from_bytes(packed[i : i + width], "little") for i in range(0, len(packed), width)]


def montgomery_from_ints(field: PrimeField, values: Iterable[int]) -> Limbs:
    """Encode integers (taken mod p) as Montgomery limbs ``uint64[n, limbs]``."""
    return limbs_from_ints([field.to_montgomery(value) for value in values], field.limbs)


def ints_from_montgomery(field: PrimeField, array: npt.NDArray[np.uint64]) -> list[int]:
    """Decode Montgomery limbs ``uint64[..., limbs]`` to a flat list of integers below p."""
    return [field.from_montgomery(value) for value in ints_from_limbs(array)]


def _coordinates(group: Group, point: Any) -> list[int]:  # noqa: ANN401 - G1Affine or G2Affine, told apart by group
    if point is None:
        return [0] * (2 if group == "g1" else 4)
    x, y = point
    return [x, y] if group == "g1" else [*x, *y]


def points_from_ints(curve: Curve, group: Group, points: Sequence[Any]) -> Limbs:
    """Encode affine points given as integers, ``None`` for infinity.

    Returns
    -------
    ``uint64[n, 2, L]`` (G1) or ``uint64[n, 2, 2, L]`` (G2), Montgomery form.
    """
    coordinates = [c for point in points for c in _coordinates(group, point)]
    return montgomery_from_ints(curve.fp, coordinates).reshape(len(points), *curve.point_shape(group))


def points_to_ints(curve: Curve, group: Group, array: npt.NDArray[np.uint64]) -> list[Any]:
    """Decode affine points to integers, ``None`` for infinity (inverse of :func:`points_from_ints`)."""
    flat = ints_from_montgomery(curve.fp, array)
    if group == "g1":
        pairs = zip(flat[0::2], flat[1::2], strict=True)
        return [None if x == y == 0 else (x, y) for x, y in pairs]
    quads = zip(flat[0::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
    return [None if not any(quad) else ((quad[0], quad[1]), (quad[2], quad[3])) for quad in quads]
