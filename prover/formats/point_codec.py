"""Proofs and verifying keys as sequences of encoded points.

Encodings differ in how they write one point and one length; the order of the points is the same everywhere:
A B C for a proof, alpha beta gamma delta and the statement's query for a verifying key.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

import kernels
from kernels.encoding import ints_from_limbs, points_from_ints, points_to_ints
from prover.errors import BadInput
from prover.groth16.keys import VerifyingKey
from prover.groth16.proof import Proof, elements_outside_group
from prover.groth16.verify import prepare_verifying_key

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.curves import Curve, Group
    from kernels.encoding import Limbs

_PROOF: tuple[tuple[str, Group], ...] = (("a", "g1"), ("b", "g2"), ("c", "g1"))
_VERIFYING_KEY: tuple[tuple[str, Group], ...] = (
    ("alpha_g1", "g1"),
    ("beta_g2", "g2"),
    ("gamma_g2", "g2"),
    ("delta_g2", "g2"),
)
ByteOrder: TypeAlias = Literal["little", "big"]
SCALAR_BYTES = 32
"""Of a public input, on both curves and in every encoding here."""


class PointCodec(ABC):
    """How one encoding writes points; from that follow proofs and verifying keys."""

    @abstractmethod
    def point_bytes(self, curve: Curve, group: Group) -> int:
        """Length of one encoded point."""

    @abstractmethod
    def encode(self, curve: Curve, group: Group, point: Any) -> bytes:  # noqa: ANN401 - G1Affine or G2Affine by group
        """Encode affine coordinates given as integers, None for infinity."""

    @abstractmethod
    def decode(self, curve: Curve, group: Group, encoded: bytes, what: str) -> Any:  # noqa: ANN401 - see encode
        """Decode one point of the right length; only its form is checked, not that it lies in its group.

        Raises
        ------
        BadInput
            If these bytes are not what :meth:`encode` writes for any pair of coordinates below p.
        """

    @abstractmethod
    def encode_count(self, count: int) -> bytes:
        """What stands before a sequence of ``count`` points."""

    @abstractmethod
    def decode_count(self, encoded: bytes, point_bytes: int) -> tuple[int, int]:
        """Number of points in a sequence that fills ``encoded``, and how many bytes stand before the first."""

    def encode_points(self, curve: Curve, group: Group, points: Limbs) -> bytes:
        """Encode ``n`` points, one after the other."""
        return b"".join(self.encode(curve, group, point) for point in points_to_ints(curve, group, points))

    def encode_proof(self, proof: Proof) -> bytes:
        """Encode A, B, C."""
        curve = kernels.get_curve(proof.curve)
        return b"".join(self.encode_points(curve, group, getattr(proof, name)[np.newaxis]) for name, group in _PROOF)

    def decode_proof(self, curve: Curve, encoded: bytes, backend: Backend | None = None) -> Proof:
        """Decode and validate a proof."""
        lengths = [self.point_bytes(curve, group) for _, group in _PROOF]
        if len(encoded) != sum(lengths):
            raise BadInput(f"a proof on {curve.name} has {sum(lengths)} bytes in this encoding, not {len(encoded)}")
        elements, at = [], 0
        for (name, group), length in zip(_PROOF, lengths, strict=True):
            elements.append(self._point(curve, group, encoded[at : at + length], f"element {name} of the proof"))
            at += length
        return validated_proof(Proof(curve.name, *elements), backend)

    def encode_verifying_key(self, vk: VerifyingKey) -> bytes:
        """Encode alpha, beta, gamma, delta, and the query of the statement."""
        elements = [
            self.encode_points(vk.curve, group, getattr(vk, name)[np.newaxis]) for name, group in _VERIFYING_KEY
        ]
        return b"".join([*elements, self.encode_count(len(vk.ic)), self.encode_points(vk.curve, "g1", vk.ic)])

    def decode_verifying_key(self, curve: Curve, encoded: bytes, backend: Backend | None = None) -> VerifyingKey:
        """Decode and validate a verifying key."""
        elements, at = dict[str, "Limbs"](), 0
        for name, group in _VERIFYING_KEY:
            length = self.point_bytes(curve, group)
            part = encoded[at : at + length]
            if len(part) < length:
                raise BadInput(f"the verifying key ends within {name}; it is truncated or on another curve")
            elements[name] = self._point(curve, group, part, f"{name} of the verifying key")
            at += length
        length = self.point_bytes(curve, "g1")
        count, skip = self.decode_count(encoded[at:], length)
        at += skip
        ic = [
            self.decode(curve, "g1", encoded[start : start + length], f"ic[{index}] of the verifying key")
            for index, start in enumerate(range(at, at + count * length, length))
        ]
        vk = VerifyingKey(curve, ic=points_from_ints(curve, "g1", ic), **elements)
        prepare_verifying_key(vk, backend or kernels.get_backend())
        return vk

    def _point(self, curve: Curve, group: Group, encoded: bytes, what: str) -> Limbs:
        (point,) = points_from_ints(curve, group, [self.decode(curve, group, encoded, what)])
        return np.asarray(point, dtype=np.uint64)


def validated_proof(proof: Proof, backend: Backend | None) -> Proof:
    """The proof, if its elements lie in their groups.

    Raises
    ------
    BadInput
        Naming the first that does not.
    """
    for element in elements_outside_group([proof], backend or kernels.get_backend())[0]:
        raise BadInput(f"element {element} of the proof is off the curve or outside its subgroup")
    return proof


def sequence_length(encoded_bytes: int, point_bytes: int) -> int:
    """Number of points, at least one, that fill so many bytes.

    Raises
    ------
    BadInput
        If none does.
    """
    count, rest = divmod(encoded_bytes, point_bytes)
    if rest or not count:
        raise BadInput(
            f"{encoded_bytes} bytes are not one or more points of {point_bytes} bytes for ic of the verifying key; "
            "it is truncated or on another curve"
        )
    return count


def encode_scalars(curve: Curve, values: Limbs | Sequence[int], byteorder: ByteOrder) -> bytes:
    """Encode public inputs, 32 bytes each.

    Raises
    ------
    BadInput
        If one is not in 0 ... r - 1.
    """
    integers = ints_from_limbs(values) if isinstance(values, np.ndarray) else list(values)
    for index, value in enumerate(integers):
        if not 0 <= value < curve.fr.modulus:
            raise BadInput(f"public input {index} is not in 0 ... r - 1 of {curve.fr.name}")
    return b"".join(value.to_bytes(SCALAR_BYTES, byteorder) for value in integers)


def decode_scalars(curve: Curve, encoded: bytes, byteorder: ByteOrder) -> list[int]:
    """Decode public inputs, 32 bytes each.

    Raises
    ------
    BadInput
        If the length is no multiple of 32, or one is not below r: it would be an alias of another.
    """
    if len(encoded) % SCALAR_BYTES:
        raise BadInput(f"public inputs have {SCALAR_BYTES} bytes each; {len(encoded)} bytes are not a multiple")
    values = [int.from_bytes(encoded[at : at + SCALAR_BYTES], byteorder) for at in range(0, len(encoded), SCALAR_BYTES)]
    for index, value in enumerate(values):
        if value >= curve.fr.modulus:
            raise BadInput(f"public input {index} is not below r of {curve.fr.name}; it aliases another value")
    return values
