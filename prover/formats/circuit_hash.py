"""The hash that a ceremony's second phase begins with: BLAKE2b over the first key, as snarkjs computes it.

alpha_1, beta_1, beta_2, gamma_2, delta_1, delta_2; then ic, the differences tau^(n + i) - tau^i in G1 that stand for
the h_query, l_query, a_query, b_g1_query and b_g2_query, each after its number of points (u32). Everything is
big-endian, points affine in standard form, the imaginary part first, all zero at infinity.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

import kernels
from kernels.encoding import limbs_from_ints, points_to_ints

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kernels.backend import Backend
    from kernels.curves import Curve, Group
    from kernels.encoding import Limbs
    from prover.formats.ptau import PowersOfTau
    from prover.groth16.keys import ProvingKey


def circuit_hash(pk: ProvingKey, powers: PowersOfTau, backend: Backend | None = None) -> bytes:
    """The 64 bytes for a key that :func:`prover.groth16.setup_from_powers.setup_from_powers` made from these powers."""
    curve, backend = pk.curve, backend or kernels.get_backend()
    digest = hashlib.blake2b(digest_size=64)
    singles: tuple[tuple[Group, Limbs], ...] = (
        ("g1", pk.alpha_g1),
        ("g1", pk.beta_g1),
        ("g2", pk.beta_g2),
        ("g2", pk.gamma_g2),
        ("g1", pk.delta_g1),
        ("g2", pk.delta_g2),
    )
    for group, point in singles:
        digest.update(_encoded(curve, group, point[np.newaxis]))
    queries: tuple[tuple[Group, Limbs], ...] = (
        ("g1", pk.ic),
        ("g1", _differences(curve, powers, pk.domain_size, backend)),
        ("g1", pk.l_query),
        ("g1", pk.a_query),
        ("g1", pk.b_g1_query),
        ("g2", pk.b_g2_query),
    )
    for group, points in queries:
        digest.update(len(points).to_bytes(4, "big"))
        digest.update(_encoded(curve, group, points))
    return digest.digest()


def _differences(curve: Curve, powers: PowersOfTau, n: int, backend: Backend) -> Limbs:
    """[tau^(n + i) - tau^i]_1 for i below n - 1."""
    pairs = np.stack([powers.powers(n - 1, first=n), powers.powers(n - 1)], axis=1).astype(np.uint64)
    signs = limbs_from_ints([1, curve.fr.modulus - 1], 4)
    sums = [backend.msm(backend.load_bases(curve, "g1", pair), signs) for pair in pairs]
    return np.array(sums, np.uint64).reshape(n - 1, *curve.point_shape("g1"))


def _encoded(curve: Curve, group: Group, points: Limbs) -> bytes:
    return b"".join(_parts(curve, group, points))


def _parts(curve: Curve, group: Group, points: Limbs) -> Iterable[bytes]:
    width, parts = 8 * curve.fp.limbs, 1 if group == "g1" else 2
    for point in points_to_ints(curve, group, points):
        if point is None:
            yield bytes(2 * parts * width)
        elif group == "g1":
            yield from (coordinate.to_bytes(width, "big") for coordinate in point)
        else:
            yield from (part.to_bytes(width, "big") for c0, c1 in point for part in (c1, c0))
