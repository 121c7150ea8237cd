"""The last step of a multiplication, on the CPU: a chain of doublings and one inversion, too little for a device."""

from __future__ import annotations

import numpy as np

from kernels.backend import Array
from kernels.cpu.msm import combine_windows
from kernels.curves import Curve, Group
from kernels.encoding import montgomery_from_ints


def combine(curve: Curve, group: Group, sums: Array, window_bits: int = 0) -> Array:
    """Sum of 2^(window_bits u) sums[u], affine.

    Parameters
    ----------
    sums
        ``uint64[sets, 4, coordinate words]``, XYZZ, Montgomery.
    """
    out = np.empty(curve.point_shape(group), np.uint64)
    combine_windows(curve, group, np.ascontiguousarray(sums), window_bits, out)
    return out


def lifted(curve: Curve, group: Group, points: Array) -> Array:
    """Affine points ``[n, ...]`` as XYZZ ``[n, 4, coordinate words]``: ZZ = ZZZ = 1, or 0 for infinity."""
    words = curve.coordinate_limbs(group)
    out = np.zeros((len(points), 4, words), np.uint64)
    out[:, :2] = points.reshape(len(points), 2, words)
    finite = points.reshape(len(points), -1).any(axis=1)
    out[finite, 2:, : curve.fp.limbs] = montgomery_from_ints(curve.fp, [1])[0]
    return out
