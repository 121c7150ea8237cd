"""What a transform in lanes needs besides its values: its shape, twiddles of both passes, factors at the end."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.backend import Array
from kernels.cpu.lane_field import limb_count
from kernels.cpu.lane_vectors import LANES, MASK, RADIX
from kernels.cpu.scalars import scalar_kernels
from kernels.curves import Curve, PrimeField
from kernels.encoding import montgomery_from_ints

SMALLEST = 6
"""Least log2 of a size that has eight columns and eight rows."""


@dataclass(frozen=True)
class TransformPlan:
    """Constants of the transforms of one size, direction and coset; see :mod:`kernels.cpu.lane_transform`.

    Twiddles of a transform of m points are m vectors: number h + k belongs to pairs h apart at offset k.

    Attributes
    ----------
    columns, rows
        Twiddles of the first pass, and of every block of the second.
    factors
        Vectors that multiply the results (1/n and powers of 1/g of an interpolation), or none.
    factor_step
        1 if each vector of results has its own, 0 if one serves all.
    """

    log2_n1: int
    log2_n2: int
    columns: Array
    rows: Array
    factors: Array
    factor_step: int


@functools.lru_cache(maxsize=8)  # a proof uses two; 2^20 elements take 40 MiB each
def transform_plan(curve: Curve, log2_size: int, inverse: bool, coset: int | None) -> TransformPlan:
    """Compute the constants of a transform of 2^log2_size points, at least 2^6."""
    field, n = curve.fr, 1 << log2_size
    r, log2_n2 = field.modulus, log2_size // 2
    n1, n2 = n >> log2_n2, 1 << log2_n2
    root = curve.root_of_unity(log2_size)
    powers = _powers(curve, pow(root, -1, r) if inverse else root, n)
    g = 1 if inverse or coset is None else coset
    k1 = np.arange(n1, dtype=np.int64).reshape(-1, LANES)
    columns = _twiddles(curve, powers, n1, np.zeros((1, LANES), np.int64), pow(g, n2, r))
    rows = _twiddles(curve, powers, n2, k1, g)
    factors, each = np.empty(0, np.uint64), False
    if inverse:
        each = coset is not None
        shifts = _powers(curve, pow(coset, -1, r), n) if coset is not None else _powers(curve, 1, LANES)
        order = (k1[:, None] + n1 * np.arange(n2)[:, None]).reshape(-1) if each else np.arange(LANES)
        factors = _lanes(curve, shifts[order].reshape(-1, LANES, 4), pow(n, -1, r)).reshape(-1)
    return TransformPlan(log2_size - log2_n2, log2_n2, columns, rows, factors, int(each))


def _twiddles(curve: Curve, powers: Array, m: int, starts: npt.NDArray[np.int64], g: int) -> Array:
    """Twiddles of transforms of m points on the cosets of g w^start, w of order n: one start a lane.

    Pairs h apart at offset k are turned by (g w^start)^(m / 2h) times the k-th power of the root of order 2h.
    """
    n, h = len(powers), 1
    levels = [_lanes(curve, powers[starts][:, None], 1)]  # number 0 is never used
    while h < m:
        offsets = np.arange(h).reshape(1, -1, 1) * (n // m)
        exponents = (starts[:, None] + offsets) * (m // (2 * h))
        levels.append(_lanes(curve, powers[exponents], pow(g, m // (2 * h), curve.fr.modulus)))
        h *= 2
    return np.concatenate(levels, axis=1).reshape(-1)


def _powers(curve: Curve, base: int, n: int) -> Array:
    out = np.empty((n, 4), np.uint64)
    scalar_kernels(curve).powers(montgomery_from_ints(curve.fr, [base]).reshape(-1), n, out.reshape(-1))
    return out


def _lanes(curve: Curve, values: Array, factor: int) -> Array:
    """Products of Montgomery elements ``uint64[..., 8, 4]`` by a constant, as limbs in lanes, in the lanes' form."""
    field = curve.fr
    scaled = np.ascontiguousarray(values).reshape(-1)
    scalar_kernels(curve).multiply(scaled, _lane_form(field, factor), scaled.size // 4, 0, scaled)
    words = scaled.reshape(*values.shape[:-2], LANES, 4)
    limbs = np.empty((*values.shape[:-2], limb_count(field), LANES), np.uint64)
    for j in range(limb_count(field)):
        word, shift = divmod(RADIX * j, 64)
        limb = words[..., word] >> np.uint64(shift)
        if 64 - shift < RADIX and word + 1 < 4:
            limb |= words[..., word + 1] << np.uint64(64 - shift)
        limbs[..., j, :] = limb & np.uint64(MASK)
    return limbs


def _lane_form(field: PrimeField, factor: int) -> Array:
    """Multiply by this to multiply by ``factor`` and go from R = 2^256 to the lanes' radix."""
    radix = 1 << (RADIX * limb_count(field))
    return montgomery_from_ints(field, [factor * radix * field.R_inverse % field.modulus]).reshape(-1)
