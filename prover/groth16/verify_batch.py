"""Verify many proofs of one key at once, by a random linear combination of their equations.

For weights z_j the product of e(z_j A_j, B_j) over all proofs must equal
e(alpha, beta)^(sum z_j) e(sum_j z_j IC(j), gamma) e(sum_j z_j C_j, delta): N + 3 Miller loops and one final
exponentiation instead of N times four. With 2^128 - 1 weights to draw from after the proofs are fixed, a batch that
holds an invalid proof passes with probability at most 1 / (2^128 - 1) (Bellare, Garay, Rabin 1998, section 3, small
exponents test).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import kernels
from kernels.backend import Backend
from kernels.encoding import Limbs, ints_from_limbs, limbs_from_ints
from kernels.endomorphisms import cube_root_endomorphism
from prover.errors import BadInput, InvalidProof
from prover.groth16.keys import VerifyingKey
from prover.groth16.proof import Proof
from prover.groth16.verify import (
    PreparedVerifyingKey,
    PublicInputs,
    negated,
    prepare_verifying_key,
    proof_faults,
    public_input_limbs,
)
from prover.randomness import nonzero_below

_WEIGHT_BITS = 128


def verify_batch(
    vk: VerifyingKey,
    proofs: Sequence[Proof],
    public_inputs: Sequence[PublicInputs],
    backend: Backend | None = None,
) -> None:
    """Return if every proof is valid for its public inputs.

    Parameters
    ----------
    public_inputs
        For each proof what :func:`prover.groth16.verify` takes; ``uint64[batch, public, 4]`` will do.

    Raises
    ------
    InvalidProof
        ``indices`` names exactly the items that do not verify, malformed public inputs included. Finding k bad ones
        among N takes about k log2 N further products.
    BadInput
        If the batch is empty, the numbers of proofs and of public inputs differ, or the key is malformed.
    """
    if not len(proofs):
        raise BadInput("a batch to verify needs at least one proof")
    if len(proofs) != len(public_inputs):
        raise BadInput(f"{len(proofs)} proofs come with {len(public_inputs)} sets of public inputs")
    key = prepare_verifying_key(vk, backend or kernels.get_backend())
    sound: list[tuple[int, Proof, list[int]]] = []
    bad: list[int] = []
    faults = proof_faults(key, proofs)
    for index, (proof, inputs, fault) in enumerate(zip(proofs, public_inputs, faults, strict=True)):
        try:
            statement = ints_from_limbs(public_input_limbs(vk, inputs))
        except BadInput:
            fault = "malformed public inputs"  # noqa: PLW2901
        if fault:
            bad.append(index)
        else:
            sound.append((index, proof, statement))
    weighted = _weigh(key, sound)
    bad += _invalid(key, weighted)
    if bad:
        named = ", ".join(str(index) for index in sorted(bad))
        raise InvalidProof(f"of {len(proofs)} proofs these do not verify: {named}", sorted(bad))


@dataclass(frozen=True)
class _Weighted:
    """One item of the combination: z, the statement a_1, ..., and the points z A, B, C."""

    index: int
    weight: int
    statement: list[int]
    a: Limbs
    b: Limbs
    c: Limbs


def _weigh(key: PreparedVerifyingKey, items: list[tuple[int, Proof, list[int]]]) -> list[_Weighted]:
    """Draw a weight for each item: u + v s with 64-bit u and v, not both 0, and s a cube root of unity modulo r.

    They are as many as 128-bit integers, and half as costly where G1's endomorphism is used. They are distinct modulo
    r, too: u + v s = 0 would make u^2 - u v + v^2 a multiple of r, but for differences of such pairs it is below 2^131.
    """
    if not items:
        return []
    curve = key.vk.curve
    s = cube_root_endomorphism(curve).eigenvalue
    weights = []
    for _ in items:
        v, u = divmod(nonzero_below(secrets, 1 << _WEIGHT_BITS), 1 << (_WEIGHT_BITS // 2))
        weights.append((u + v * s) % curve.fr.modulus)
    points = np.stack([proof.a for _, proof, _ in items])
    a = key.backend.multiply_points(curve, "g1", points, limbs_from_ints(weights, 4))
    return [
        _Weighted(index, weight, statement, weighted, proof.b, proof.c)
        for (index, proof, statement), weight, weighted in zip(items, weights, a, strict=True)
    ]


def _invalid(key: PreparedVerifyingKey, items: list[_Weighted]) -> list[int]:
    """Indices of the invalid items, by bisection; the proofs are fixed, so the weights may serve again."""
    if not items or _holds(key, items):
        return []
    if len(items) == 1:
        return [items[0].index]
    middle = len(items) // 2
    return _invalid(key, items[:middle]) + _invalid(key, items[middle:])


def _holds(key: PreparedVerifyingKey, items: list[_Weighted]) -> bool:
    vk, backend, r = key.vk, key.backend, key.vk.curve.fr.modulus
    weights = [item.weight for item in items]
    total = sum(weights) % r
    columns = zip(*(item.statement for item in items), strict=True)
    statement = [total, *(sum(map(int.__mul__, weights, column)) % r for column in columns)]
    alpha = backend.load_bases(vk.curve, "g1", vk.alpha_g1[np.newaxis])
    c = backend.load_bases(vk.curve, "g1", np.stack([item.c for item in items]))
    right_side = (
        backend.msm(alpha, limbs_from_ints([total], 4)),
        backend.msm(key.ic, limbs_from_ints(statement, 4)),
        backend.msm(c, limbs_from_ints(weights, 4)),
    )
    g1 = np.stack([*(item.a for item in items), *(negated(vk.curve, point) for point in right_side)])
    g2 = np.stack([*(item.b for item in items), vk.beta_g2, vk.gamma_g2, vk.delta_g2])
    return backend.pairing_product_is_one(vk.curve, g1, g2)
