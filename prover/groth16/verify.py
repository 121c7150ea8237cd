"""Verify one proof (Groth 2016, section 3.2, Vfy).

Accept when e(A, B) = e(alpha, beta) e(sum_i a_i IC_i, gamma) e(C, delta), with a_0 = 1 and the public inputs a_1, ...
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

import kernels
from kernels.encoding import ints_from_limbs, limbs_from_ints
from prover.computed_once import ComputedOnce
from prover.errors import BadInput, InvalidProof
from prover.groth16.keys import VerifyingKey
from prover.groth16.membership import is_infinity, outside_group
from prover.groth16.proof import Proof
from prover.r1cs import values_at_or_above

if TYPE_CHECKING:
    from kernels.backend import Backend, PairingEquation
    from kernels.curves import Curve
    from kernels.encoding import Limbs

PublicInputs: TypeAlias = "Limbs | Sequence[int | bytes]"
"""``uint64[public, 4]`` in standard form, or integers, or 32 bytes for each, big-endian as a word of the EVM; without
the leading constant 1."""
_WORD_BYTES = 32

ONE = limbs_from_ints([1], 4)
"""The statement's constant signal."""


@dataclass(frozen=True)
class PreparedVerifyingKey:
    """A verifying key found valid, and the backend to use it on.

    Attributes
    ----------
    equation
        e(A, B) e(-alpha, beta) e(sum_i a_i IC_i, -gamma) e(C, -delta) = 1.
    """

    vk: VerifyingKey
    backend: Backend
    equation: PairingEquation


_equations: ComputedOnce[tuple[str, str], PairingEquation] = ComputedOnce(capacity=256)


def verify(vk: VerifyingKey, proof: Proof, public_inputs: PublicInputs, backend: Backend | None = None) -> None:
    """Return if the proof is valid for these public inputs.

    Raises
    ------
    InvalidProof
        If it is not: do not accept what it claims.
    BadInput
        If the number of public inputs is wrong, one is not below r (it would be an alias of another), or the key
        itself is malformed.
    """
    key = prepare_verifying_key(vk, backend or kernels.get_backend())
    check_proof(key, proof, public_input_limbs(vk, public_inputs))


def check_proof(key: PreparedVerifyingKey, proof: Proof, statement: Limbs) -> None:
    """Return if the proof is valid for these public inputs, as :func:`public_input_limbs` gives them.

    Raises
    ------
    InvalidProof
        If it is not.
    """
    (fault,) = proof_faults(key, [proof])
    if fault:
        raise InvalidProof(fault)
    scalars = np.concatenate([ONE, statement])
    answer = key.backend.check_equation(key.equation, scalars, proof.a, proof.b, proof.c)
    if not answer.b_in_subgroup:
        raise InvalidProof(_outside("b"))
    if not answer.holds:
        raise InvalidProof


def prepare_verifying_key(vk: VerifyingKey, backend: Backend) -> PreparedVerifyingKey:
    """Validate a verifying key and prepare its equation, once for each key and backend.

    Raises
    ------
    BadInput
        If a point is off the curve or outside its subgroup, or alpha, beta, gamma or delta is infinity: with any of
        these proofs can be forged.
    """
    equation = _equations.get((vk.fingerprint, backend.name), lambda: _validated_equation(vk, backend))
    return PreparedVerifyingKey(vk, backend, equation)


def _validated_equation(vk: VerifyingKey, backend: Backend) -> PairingEquation:
    g1 = np.concatenate([vk.alpha_g1[np.newaxis], vk.ic])
    g2 = np.stack([vk.beta_g2, vk.gamma_g2, vk.delta_g2])
    if is_infinity(g1[:1]).any() or is_infinity(g2).any():
        raise BadInput(
            "alpha, beta, gamma or delta of the verifying key is infinity: proofs for it can be forged, do not use it"
        )
    if outside_group(backend, vk.curve, "g1", g1).any() or outside_group(backend, vk.curve, "g2", g2).any():
        raise BadInput("a point of the verifying key is off the curve or outside its subgroup; do not use it")
    q = np.stack([vk.beta_g2, negated(vk.curve, vk.gamma_g2), negated(vk.curve, vk.delta_g2)])
    return backend.load_equation(vk.curve, negated(vk.curve, vk.alpha_g1), q, vk.ic)


def public_input_limbs(vk: VerifyingKey, public_inputs: PublicInputs) -> Limbs:
    """Validate public inputs and return them as ``uint64[public, 4]``.

    Raises
    ------
    BadInput
        Saying how many are expected, or which one is not an integer in 0 ... r - 1.
    """
    if isinstance(public_inputs, np.ndarray):
        if public_inputs.dtype != np.uint64 or public_inputs.ndim != 2 or public_inputs.shape[1] != 4:
            raise BadInput("an array of public inputs must be uint64[public, 4] (standard form)")
        public_inputs = np.array(public_inputs, order="C")  # a copy that nobody else can change
        values = ints_from_limbs(public_inputs)
    else:
        values = _integers(public_inputs)
    if len(values) != vk.public:
        raise BadInput(f"the verifying key takes {vk.public} public inputs, not {len(values)}")
    for index, value in enumerate(values):
        if not 0 <= value < vk.curve.fr.modulus:
            raise BadInput(f"public input {index} is not in 0 ... r - 1 of {vk.curve.fr.name}")
    return public_inputs if isinstance(public_inputs, np.ndarray) else limbs_from_ints(values, 4)


def well_formed_inputs(vk: VerifyingKey, public_inputs: Sequence[PublicInputs]) -> list[Limbs | None]:
    """What :func:`public_input_limbs` makes of the inputs of each proof, None where it refuses them.

    Arrays of the right form are looked at together: one by one they cost a batch as much as drawing its weights.
    """
    found: list[Limbs | None] = [None] * len(public_inputs)
    arrays: dict[int, Limbs] = {}
    for index, inputs in enumerate(public_inputs):
        if isinstance(inputs, np.ndarray) and inputs.dtype == np.uint64 and inputs.shape == (vk.public, 4):
            arrays[index] = inputs
        else:
            with contextlib.suppress(BadInput):
                found[index] = public_input_limbs(vk, inputs)
    if arrays:
        indices, copies = list(arrays), stacked(list(arrays.values()))  # copies that nobody else can change
        for index, copy in zip(indices, copies, strict=True):
            found[index] = copy
        for position in np.flatnonzero(values_at_or_above(copies, vk.curve.fr.modulus).any(axis=1)):
            found[indices[position]] = None
    return found


def stacked(arrays: Sequence[Limbs]) -> Limbs:
    """``numpy.stack`` of one or more arrays of one shape, in a fraction of its time."""
    return np.concatenate(arrays).reshape(len(arrays), *arrays[0].shape)


def _integers(values: Sequence[int | bytes]) -> list[int]:
    if isinstance(values, bytes | bytearray | str):
        raise BadInput("public inputs must be a sequence with one element each; prover.formats.eip decodes bytes")
    try:
        return [_integer(index, value) for index, value in enumerate(values)]
    except TypeError:
        raise BadInput("public inputs must be integers, or bytes of 32 each") from None


def _integer(index: int, value: int | bytes) -> int:
    if not isinstance(value, bytes):
        return operator.index(value)
    if len(value) != _WORD_BYTES:
        raise BadInput(f"public input {index} has {len(value)} bytes; write {_WORD_BYTES}, big-endian")
    return int.from_bytes(value, "big")


def proof_faults(key: PreparedVerifyingKey, proofs: Sequence[Proof]) -> list[str | None]:
    """What keeps each proof from entering the pairing equation, if anything does.

    Whether B, here found to be on its curve, is in its subgroup is for the equation to say.
    """
    curve, backend = key.vk.curve, key.backend
    here = [proof for proof in proofs if proof.curve == curve.name]
    faults: list[str | None] = [None] * len(here)
    if here:
        outside = outside_group(
            backend, curve, "g1", stacked([point for proof in here for point in (proof.a, proof.c)])
        )
        off = ~backend.on_curve(curve, "g2", stacked([proof.b for proof in here]))
        for element, bad in (("b", off), ("c", outside[1::2]), ("a", outside[::2])):
            for index in np.flatnonzero(bad):
                faults[index] = _outside(element)
    found = iter(faults)
    return [
        next(found) if proof.curve == curve.name else f"the proof is on {proof.curve}, the key on {curve.name}"
        for proof in proofs
    ]


def _outside(element: str) -> str:
    return f"element {element} of the proof is off the curve or outside its subgroup"


def negated(curve: Curve, point: Limbs) -> Limbs:
    """The inverse (x, -y) of one affine point of either group with reduced coordinates."""
    # p - y is -y in Montgomery form too.
    minus_y = limbs_from_ints([-y % curve.fp.modulus for y in ints_from_limbs(point[1])], curve.fp.limbs)
    return np.stack([point[0], minus_y.reshape(point[1].shape)])
