"""Verify many proofs of one key at once, by a random linear combination of their equations.

For weights z_j the product of e(z_j A_j, B_j) over all proofs must equal
e(alpha, beta)^(sum z_j) e(sum_j z_j IC(j), gamma) e(sum_j z_j C_j, delta): N + 3 Miller loops and one final
exponentiation instead of N times four. With 2^128 - 1 weights to draw from after the proofs are fixed, a batch that
holds an invalid proof passes with probability at most 1 / (2^128 - 1) (Bellare, Garay, Rabin 1998, section 3, small
exponents test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import kernels
from kernels.backend import Backend, CombinationAnswer
from kernels.curves import Curve
from kernels.encoding import Limbs, ints_from_limbs, limbs_from_ints
from kernels.endomorphisms import cube_root_endomorphism
from prover.errors import BadInput, InvalidProof
from prover.groth16.keys import VerifyingKey
from prover.groth16.proof import Proof
from prover.groth16.verify import (
    ONE,
    PreparedVerifyingKey,
    PublicInputs,
    prepare_verifying_key,
    proof_faults,
    stacked,
    well_formed_inputs,
)
from prover.randomness import SystemRandomness, nonzero_below

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
        raise BadInput(f"{len(proofs)} proofs come with {len(public_inputs)} sets of public inputs; give one for each")
    key = prepare_verifying_key(vk, backend or kernels.get_backend())
    sound: list[_Item] = []
    bad: list[int] = []
    items = zip(proofs, well_formed_inputs(vk, public_inputs), proof_faults(key, proofs), strict=True)
    for index, (proof, statement, fault) in enumerate(items):
        if fault or statement is None:
            bad.append(index)
        else:
            sound.append(_Item(index, proof, statement))
    bad += _invalid(key, sound)
    if bad:
        named = ", ".join(str(index) for index in sorted(bad))
        raise InvalidProof(f"of {len(proofs)} proofs these do not verify: {named}; do not accept them", sorted(bad))


@dataclass(frozen=True)
class _Item:
    """A proof whose elements are on their curves, A and C in their subgroup."""

    index: int
    proof: Proof
    statement: Limbs


def _invalid(key: PreparedVerifyingKey, items: list[_Item]) -> list[int]:
    """Indices of the invalid items, by bisection; what is left alone is verified alone."""
    if not items:
        return []
    if len(items) == 1:
        (item,), proof = items, items[0].proof
        scalars = np.concatenate([ONE, item.statement])
        holds = key.backend.check_equation(key.equation, scalars, proof.a, proof.b, proof.c).holds
        return [] if holds else [item.index]
    answer = _check_combination(key, items)
    if answer.holds:
        return []
    if not answer.b_in_subgroup.all():
        told = zip(items, answer.b_in_subgroup, strict=True)
        outside = [item.index for item, inside in told if not inside]
        return outside + _invalid(key, [item for item in items if item.index not in outside])
    middle = len(items) // 2
    return _invalid(key, items[:middle]) + _invalid(key, items[middle:])


def _check_combination(key: PreparedVerifyingKey, items: list[_Item]) -> CombinationAnswer:
    curve = key.vk.curve
    weights = _draw_weights(curve, len(items))
    statements = ints_from_limbs(stacked([item.statement for item in items])) if key.vk.public else []
    columns = [statements[i :: key.vk.public] for i in range(key.vk.public)]
    scalars = [sum(weights), *(sum(map(int.__mul__, weights, column)) for column in columns)]
    return key.backend.check_combination(
        key.equation,
        limbs_from_ints(weights, 4),
        limbs_from_ints([scalar % curve.fr.modulus for scalar in scalars], 4),
        stacked([item.proof.a for item in items]),
        stacked([item.proof.b for item in items]),
        stacked([item.proof.c for item in items]),
    )


def _draw_weights(curve: Curve, n: int) -> list[int]:
    """Draw n weights u + v s with 64-bit u and v, not both 0, and s a cube root of unity modulo r.

    They are as many as 128-bit integers, and half as costly where G1's endomorphism is used. They are distinct modulo
    r, too: u + v s = 0 would make u^2 - u v + v^2 a multiple of r, but for differences of such pairs it is below 2^131.
    """
    half, s, r = _WEIGHT_BITS // 2, cube_root_endomorphism(curve).eigenvalue, curve.fr.modulus
    bound = 1 << _WEIGHT_BITS
    rng = SystemRandomness(n, bound)
    drawn = [nonzero_below(rng, bound) for _ in range(n)]
    return [((w & ((1 << half) - 1)) + (w >> half) * s) % r for w in drawn]
