"""The peer of the kernels: arkworks, as ``py_arkworks_bls12381``, in this process and on one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import py_arkworks_bls12381 as arkworks

from benchmarks.operands import MsmOperands

NAME = "py_arkworks_bls12381"


def msm(operands: MsmOperands) -> Callable[[], bytes]:
    """A call that makes one MSM over the same points and scalars, and returns its big-endian coordinates."""
    kind: Any = arkworks.G1Point if operands.group == "g1" else arkworks.G2Point
    rows, columns = ([kind() * arkworks.Scalar(value) for value in part] for part in operands.grid)
    bases = [row + column for row in rows for column in columns]
    scalars = [arkworks.Scalar(value) for value in operands.scalars]
    return lambda: bytes(kind.multiexp_unchecked(bases, scalars).to_xy_bytes_be())


def pairing_product(n: int) -> Callable[[], object]:
    """A call that multiplies n pairings."""
    g1, g2 = [arkworks.G1Point()] * n, [arkworks.G2Point()] * n
    return lambda: arkworks.GT.multi_pairing(g1, g2)
