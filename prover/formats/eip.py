"""Points, proofs, verifying keys and public inputs as Ethereum's precompiled contracts take them.

BN254 follows EIP-196 and EIP-197: an element of Fp is 32 bytes, big-endian, and c0 + c1 u is written c1 c0.
BLS12-381 follows EIP-2537: an element of Fp is 64 bytes, big-endian, the first 16 zero, and c0 + c1 u is written
c0 c1. The point at infinity is all zero. A proof is A B C; a verifying key is alpha beta gamma delta ic[0] ... ic[n],
the order of ``verification_key.json``; public inputs are 32-byte words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prover.errors import BadInput
from prover.formats.point_codec import PointCodec, decode_scalars, encode_scalars, sequence_length

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.curves import Curve, Group
    from kernels.encoding import Limbs
    from prover.groth16.keys import VerifyingKey
    from prover.groth16.proof import Proof


def field_bytes(curve: Curve) -> int:
    """Length of an element of Fp: whole words of 32 bytes."""
    return -(-8 * curve.fp.limbs // 32) * 32


def coordinates(curve: Curve, group: Group, point: Any) -> list[int]:  # noqa: ANN401 - G1Affine or G2Affine by group
    """The elements of Fp that make up a point, in the order of the encoding."""
    if point is None:
        return [0] * (2 if group == "g1" else 4)
    x, y = point
    if group == "g1":
        return [x, y]
    return [x[1], x[0], y[1], y[0]] if _imaginary_first(curve) else [*x, *y]


def _imaginary_first(curve: Curve) -> bool:
    return curve.name == "bn254"


class _EipCodec(PointCodec):
    def point_bytes(self, curve: Curve, group: Group) -> int:
        return field_bytes(curve) * (2 if group == "g1" else 4)

    def encode(self, curve: Curve, group: Group, point: Any) -> bytes:  # noqa: ANN401 - see PointCodec
        return b"".join(value.to_bytes(field_bytes(curve), "big") for value in coordinates(curve, group, point))

    def decode(self, curve: Curve, group: Group, encoded: bytes, what: str) -> Any:  # noqa: ANN401 - see PointCodec
        width = field_bytes(curve)
        values = [int.from_bytes(encoded[at : at + width], "big") for at in range(0, len(encoded), width)]
        if max(values) >= curve.fp.modulus:
            raise BadInput(f"a coordinate of {what} is not below p of {curve.name}")
        if not any(values):
            return None
        if group == "g1":
            return tuple(values)
        first, second, third, fourth = values
        if _imaginary_first(curve):
            return (second, first), (fourth, third)
        return (first, second), (third, fourth)

    def encode_count(self, count: int) -> bytes:  # noqa: ARG002 - the length of the whole tells
        return b""

    def decode_count(self, encoded: bytes, point_bytes: int) -> tuple[int, int]:
        return sequence_length(len(encoded), point_bytes), 0


_CODEC = _EipCodec()


def encode_points(curve: Curve, group: Group, points: Limbs) -> bytes:
    """Encode ``uint64[n, 2, L]`` or ``uint64[n, 2, 2, L]``, affine and in Montgomery form, one after the other."""
    return _CODEC.encode_points(curve, group, points)


def encode_proof(proof: Proof) -> bytes:
    """Encode a proof: 256 bytes on BN254, 512 on BLS12-381."""
    return _CODEC.encode_proof(proof)


def decode_proof(curve: Curve, encoded: bytes, backend: Backend | None = None) -> Proof:
    """Decode and validate what :func:`encode_proof` wrote.

    Raises
    ------
    BadInput
        If the length is wrong, a coordinate is not below p, or an element is off the curve or outside its subgroup.
    """
    return _CODEC.decode_proof(curve, encoded, backend)


def encode_verifying_key(vk: VerifyingKey) -> bytes:
    """Encode a verifying key: 448 bytes on BN254, 896 on BLS12-381, and 64 or 128 for each point of ic."""
    return _CODEC.encode_verifying_key(vk)


def decode_verifying_key(curve: Curve, encoded: bytes, backend: Backend | None = None) -> VerifyingKey:
    """Decode and validate what :func:`encode_verifying_key` wrote.

    Raises
    ------
    BadInput
        As :func:`decode_proof`, and if alpha, beta, gamma or delta is infinity.
    """
    return _CODEC.decode_verifying_key(curve, encoded, backend)


def encode_public_inputs(curve: Curve, values: Limbs | Sequence[int]) -> bytes:
    """Encode public inputs as big-endian words of 32 bytes.

    Raises
    ------
    BadInput
        If one is not in 0 ... r - 1.
    """
    return encode_scalars(curve, values, "big")


def decode_public_inputs(curve: Curve, encoded: bytes) -> list[int]:
    """Decode what :func:`encode_public_inputs` wrote.

    Raises
    ------
    BadInput
        If the length is no multiple of 32 or a word is not below r.
    """
    return decode_scalars(curve, encoded, "big")
