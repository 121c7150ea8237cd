"""Known answers: does a device compute what the CPU does? Run once per process and device, before it is trusted."""

from __future__ import annotations

import numpy as np

from kernels.backend import Array, Backend
from kernels.curves import CURVES, Curve, Group
from kernels.encoding import limbs_from_ints, points_from_ints

_POINTS = 24
_ROWS = 2
_DOMAIN = 64
_GROUPS: tuple[Group, ...] = ("g1", "g2")


class SelfTestError(RuntimeError):
    """A device computed something wrong; do not use it."""


def self_test(device: Backend, cpu: Backend, curves: tuple[Curve, ...] = CURVES) -> None:
    """Compare multiplications, transforms and products with the CPU's, on fixed operands with every special case.

    Raises
    ------
    SelfTestError
        Naming the first operation with a wrong result.
    """
    for curve in curves:
        values = _values(curve, _ROWS * _DOMAIN).reshape(_ROWS, _DOMAIN, 4)
        _same(f"{curve.name} NTT", device.ntt(curve, values, coset=7), cpu.ntt(curve, values, coset=7))
        _same(
            f"{curve.name} inverse NTT", device.ntt(curve, values, inverse=True), cpu.ntt(curve, values, inverse=True)
        )
        left, right = values
        _same(f"{curve.name} product", device.multiply(curve, left, right), cpu.multiply(curve, left, right))
        for group in _GROUPS:
            points = _points(curve, group, cpu)
            scalars = _scalars(curve)
            for table_bytes in (0, 1 << 20):
                bases = device.load_bases(curve, group, points, table_bytes)
                expected = cpu.msm(cpu.load_bases(curve, group, points), scalars)
                _same(f"{curve.name} {group} MSM", device.msm(bases, scalars), expected)


def _same(what: str, found: Array, expected: Array) -> None:
    if not np.array_equal(found, expected):
        raise SelfTestError(f"{what} is wrong on this device; do not use it, and look at its driver and memory")


def _values(curve: Curve, count: int) -> Array:
    """0, 1, r - 1, then powers of a generator: well mixed and the same everywhere."""
    r = curve.fr.modulus
    mixed = [pow(curve.nonresidue, 1_000_003 * k, r) for k in range(1, count - 2)]
    return limbs_from_ints([0, 1, r - 1, *mixed], 4)


def _points(curve: Curve, group: Group, cpu: Backend) -> Array:
    """Multiples of the generator with infinity, a point twice, and a point and its opposite."""
    generator = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
    factors = [0, 1, 1, curve.fr.modulus - 1, *range(2, _POINTS - 2)]
    return cpu.multiply_base(curve, group, generator, limbs_from_ints(factors, 4))


def _scalars(curve: Curve) -> Array:
    """A mixed row, and one of ones, whose bucket is as full as can be."""
    ones = limbs_from_ints([1] * _POINTS, 4)
    return np.stack([_values(curve, _POINTS), ones])
