"""``.ptau``: powers of tau of a ceremony's first phase, as snarkjs writes them after ``powersoftau prepare phase2``.

Section 1: length and prime of the base field, power of the file, power of the ceremony (u32). Sections 2 to 6: tau_1,
tau_2, alpha tau_1, beta tau_1 (powers from the 0th on) and beta_2. Sections 12 to 15: for the domains of 1, 2, 4, ...
points, one after the other, their Lagrange polynomials at tau in G1, in G2, times alpha and times beta in G1; section
12 has one domain more. Points are affine in Montgomery form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from kernels.curves import CURVES, Curve, Group
from prover.errors import BadInput
from prover.formats.container import Container, open_container

if TYPE_CHECKING:
    from pathlib import Path

    from kernels.encoding import Limbs

MAGIC = b"ptau"
VERSION = 1
MOST_POWER = 28


@dataclass(frozen=True, eq=False)
class PowersOfTau:
    """A mapped file whose sizes have been found consistent. Its points are not checked yet.

    Attributes
    ----------
    power
        It serves domains of up to 2^power points.
    """

    curve: Curve
    power: int
    _container: Container = field(repr=False)

    def powers(self, count: int, first: int = 0) -> Limbs:
        """[tau^first]_1, ..., ``count`` of them."""
        return self._points(2, "tau_1", "g1", first, count)

    @property
    def alpha_g1(self) -> Limbs:
        """[alpha]_1."""
        return _single(self._points(4, "alpha tau_1", "g1", 0, 1))

    @property
    def beta_g1(self) -> Limbs:
        """[beta]_1."""
        return _single(self._points(5, "beta tau_1", "g1", 0, 1))

    @property
    def beta_g2(self) -> Limbs:
        """[beta]_2."""
        return _single(self._points(6, "beta_2", "g2", 0, 1))

    def lagrange_g1(self, log2_n: int) -> Limbs:
        """[L_j(tau)]_1 over the 2^log2_n-th roots of unity; also for one domain more than the power says."""
        return self._domain(12, "lagrange_1", "g1", log2_n)

    def lagrange_g2(self, log2_n: int) -> Limbs:
        """[L_j(tau)]_2."""
        return self._domain(13, "lagrange_2", "g2", log2_n)

    def lagrange_alpha(self, log2_n: int) -> Limbs:
        """[alpha L_j(tau)]_1."""
        return self._domain(14, "alpha lagrange_1", "g1", log2_n)

    def lagrange_beta(self, log2_n: int) -> Limbs:
        """[beta L_j(tau)]_1."""
        return self._domain(15, "beta lagrange_1", "g1", log2_n)

    def _domain(self, kind: int, name: str, group: Group, log2_n: int) -> Limbs:
        return self._points(kind, name, group, (1 << log2_n) - 1, 1 << log2_n)

    def _points(self, kind: int, name: str, group: Group, first: int, count: int) -> Limbs:
        section = self._container.section(kind, name)
        shape = self.curve.point_shape(group)
        section.take(first * 8 * int(np.prod(shape)), f"{first} points before")
        points: Limbs = section.array("<u8", (count, *shape), f"{count} points")
        return points


def open_ptau(path: Path | str) -> PowersOfTau:
    """Map the file of a ceremony's first phase.

    Raises
    ------
    BadInput
        Naming section and offset of what is wrong; also for a file that has not been prepared for phase 2.
    """
    return parse_ptau(open_container(path, MAGIC, (VERSION,)))


def parse_ptau(container: Container) -> PowersOfTau:
    """Read powers of tau from a container; see :func:`open_ptau`."""
    header = container.section(1, "header")
    at = header.at
    length = header.u32("the length of a field element")
    if length > 4096:
        header.refuse(f"field elements of {length} bytes", at)
    prime = header.number(length, "the prime of the base field")
    found = [curve for curve in CURVES if (curve.fp.modulus, 8 * curve.fp.limbs) == (prime, length)]
    if not found:
        header.refuse(f"the prime is that of no curve known here ({', '.join(curve.name for curve in CURVES)})", at)
    at = header.at
    power = header.u32("the power")
    header.u32("the ceremony's power")
    header.finish()
    if not 1 <= power <= MOST_POWER:
        header.refuse(f"the power is {power}, not 1 to {MOST_POWER}", at)
    if 12 not in container.sections:
        raise BadInput(
            f"{container.source}: section 12 is missing: it is not prepared for phase 2; "
            "run `snarkjs powersoftau prepare phase2` first"
        )
    return PowersOfTau(found[0], power, container)


def _single(points: Limbs) -> Limbs:
    return np.array(points[0], dtype=np.uint64)
