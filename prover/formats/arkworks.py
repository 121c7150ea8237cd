"""Proofs, verifying keys and public inputs in arkworks' canonical form, compressed and uncompressed.

A point is compressed to x and one bit of y. On BN254 (the default of ``ark-ec``) coordinates are little-endian, c0
before c1, and the two highest bits of the last byte are flags, in both forms: bit 7 for the larger of y and -y, bit 6
for infinity. On BLS12-381 ``ark-bls12-381`` writes the format of Zcash: big-endian, c1 before c0, and in the first byte
bit 7 for the compressed form, bit 6 for infinity, bit 5, in the compressed form alone, for the larger of y and -y.
Elements of Fp2 are compared by c1, then by c0.

A proof is A B C; a verifying key is alpha beta gamma delta, the number of points in ic as eight bytes, little-endian,
and ic; public inputs are 32 bytes each, little-endian, as ``Fr`` writes them.

References
----------
``ark-serialize`` and ``ark-groth16`` 0.4 and 0.5; section 5.4.9.2 of the Zcash protocol specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prover.errors import BadInput
from prover.formats.point_codec import ByteOrder, PointCodec, decode_scalars, encode_scalars, sequence_length
from prover.formats.square_roots import negated_coordinate, y_coordinate

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.curves import Curve, Group
    from kernels.encoding import Limbs
    from prover.groth16.keys import VerifyingKey
    from prover.groth16.proof import Proof

_COUNT_BYTES = 8
_COMPRESSED, _INFINITY, _LARGER = 0x80, 0x40, 0x20
"""Zcash's flags, in the first byte."""
_ARK_LARGER, _ARK_INFINITY = 0x80, 0x40
"""The flags of ``ark-ec``, in the last byte."""


class _ArkworksCodec(PointCodec):
    """One of the two forms, on either curve."""

    def __init__(self, *, compressed: bool) -> None:
        self._compressed = compressed

    def point_bytes(self, curve: Curve, group: Group) -> int:
        return 8 * curve.coordinate_limbs(group) * (1 if self._compressed else 2)

    def encode(self, curve: Curve, group: Group, point: Any) -> bytes:  # noqa: ANN401 - see PointCodec
        encoded = bytearray(self.point_bytes(curve, group))
        larger = False
        if point is not None:
            x, y = (_components(coordinate) for coordinate in point)
            larger = _order(y) > _order(negated_coordinate(curve, y))
            values = x if self._compressed else (*x, *y)
            encoded[:] = _field_elements(curve, group, values)
        if _is_zcash(curve):
            encoded[0] |= (
                (_COMPRESSED if self._compressed else 0)
                | (_INFINITY if point is None else 0)
                | (_LARGER if larger and self._compressed else 0)
            )
        else:
            encoded[-1] |= (_ARK_LARGER if larger else 0) | (_ARK_INFINITY if point is None else 0)
        return bytes(encoded)

    def decode(self, curve: Curve, group: Group, encoded: bytes, what: str) -> Any:  # noqa: ANN401 - see PointCodec
        infinity, larger, rest = self._flags(curve, encoded, what)
        values = _read_field_elements(curve, group, rest)
        if max(values) >= curve.fp.modulus:
            raise BadInput(f"a coordinate of {what} is not below p of {curve.name}")
        if infinity:
            if any(values) or larger:
                raise BadInput(f"{what} is marked as infinity and has coordinates")
            return None
        if not self._compressed and not any(values):  # which the arrays here keep for infinity
            raise BadInput(f"{what} is off the curve: (0, 0), not marked as infinity")
        degree = 1 if group == "g1" else 2
        x = values[:degree]
        if not self._compressed:
            y: tuple[int, ...] | None = values[degree:]
        else:
            y = y_coordinate(curve, group, x)
        if y is None:
            raise BadInput(f"{what} is off the curve: no point of {curve.name} has its x")
        minus_y = negated_coordinate(curve, y)
        if self._compressed:
            y = max(y, minus_y, key=_order) if larger else min(y, minus_y, key=_order)
        elif not _is_zcash(curve) and larger != (_order(y) > _order(minus_y)):
            raise BadInput(f"{what} has a flag for y that does not belong to its y")
        return (x[0], y[0]) if group == "g1" else (x, y)

    def _flags(self, curve: Curve, encoded: bytes, what: str) -> tuple[bool, bool, bytes]:
        """Infinity, larger y, and the bytes without flags."""
        if not _is_zcash(curve):
            last = encoded[-1]
            cleared = encoded[:-1] + bytes([last & ~(_ARK_LARGER | _ARK_INFINITY)])
            return bool(last & _ARK_INFINITY), bool(last & _ARK_LARGER), cleared
        first = encoded[0]
        if bool(first & _COMPRESSED) != self._compressed:
            form = "compressed" if self._compressed else "uncompressed"
            raise BadInput(f"{what} is not in the {form} form; decode it as the other one")
        if first & _LARGER and not self._compressed:
            raise BadInput(f"{what} has the flag for y, which only the compressed form has")
        cleared = bytes([first & ~(_COMPRESSED | _INFINITY | _LARGER)]) + encoded[1:]
        return bool(first & _INFINITY), bool(first & _LARGER), cleared

    def encode_count(self, count: int) -> bytes:
        return count.to_bytes(_COUNT_BYTES, "little")

    def decode_count(self, encoded: bytes, point_bytes: int) -> tuple[int, int]:
        if len(encoded) < _COUNT_BYTES:
            raise BadInput("the verifying key ends before the length of ic; it is truncated or on another curve")
        count = int.from_bytes(encoded[:_COUNT_BYTES], "little")
        if count != sequence_length(len(encoded) - _COUNT_BYTES, point_bytes):
            raise BadInput(f"the verifying key claims {count} points of ic, which is not what its length holds")
        return count, _COUNT_BYTES


def _is_zcash(curve: Curve) -> bool:
    return curve.name == "bls12_381"


def _components(coordinate: int | tuple[int, int]) -> tuple[int, ...]:
    return coordinate if isinstance(coordinate, tuple) else (coordinate,)


def _order(coordinate: tuple[int, ...]) -> tuple[int, ...]:
    """What coordinates are compared by: c1, then c0."""
    return coordinate[::-1]


def _field_elements(curve: Curve, group: Group, values: Sequence[int]) -> bytes:
    width = 8 * curve.fp.limbs
    if not _is_zcash(curve):
        return b"".join(value.to_bytes(width, "little") for value in values)
    return b"".join(value.to_bytes(width, "big") for value in _imaginary_first(group, values))


def _read_field_elements(curve: Curve, group: Group, encoded: bytes) -> tuple[int, ...]:
    width = 8 * curve.fp.limbs
    order: ByteOrder = "big" if _is_zcash(curve) else "little"
    values = [int.from_bytes(encoded[at : at + width], order) for at in range(0, len(encoded), width)]
    return tuple(_imaginary_first(group, values) if _is_zcash(curve) else values)


def _imaginary_first(group: Group, values: Sequence[int]) -> list[int]:
    """Swap c0 and c1 of each element of Fp2; its own inverse."""
    if group == "g1":
        return list(values)
    return [value for at in range(0, len(values), 2) for value in (values[at + 1], values[at])]


_CODECS = {compressed: _ArkworksCodec(compressed=compressed) for compressed in (True, False)}


def encode_points(curve: Curve, group: Group, points: Limbs, *, compressed: bool = True) -> bytes:
    """Encode ``uint64[n, 2, L]`` or ``uint64[n, 2, 2, L]``, affine and in Montgomery form, one after the other."""
    return _CODECS[compressed].encode_points(curve, group, points)


def encode_proof(proof: Proof, *, compressed: bool = True) -> bytes:
    """Encode a proof: on BN254 128 bytes or, uncompressed, 256; on BLS12-381 192 or 384."""
    return _CODECS[compressed].encode_proof(proof)


def decode_proof(curve: Curve, encoded: bytes, *, compressed: bool = True, backend: Backend | None = None) -> Proof:
    """Decode and validate what :func:`encode_proof` or arkworks wrote.

    Raises
    ------
    BadInput
        If the length or a flag is wrong, a coordinate is not below p, or an element is off the curve or outside its
        subgroup.
    """
    return _CODECS[compressed].decode_proof(curve, encoded, backend)


def encode_verifying_key(vk: VerifyingKey, *, compressed: bool = True) -> bytes:
    """Encode a verifying key as ``ark_groth16::VerifyingKey`` does."""
    return _CODECS[compressed].encode_verifying_key(vk)


def decode_verifying_key(
    curve: Curve, encoded: bytes, *, compressed: bool = True, backend: Backend | None = None
) -> VerifyingKey:
    """Decode and validate what :func:`encode_verifying_key` or arkworks wrote.

    Raises
    ------
    BadInput
        As :func:`decode_proof`, and if alpha, beta, gamma or delta is infinity.
    """
    return _CODECS[compressed].decode_verifying_key(curve, encoded, backend)


def encode_public_inputs(curve: Curve, values: Limbs | Sequence[int]) -> bytes:
    """Encode public inputs, 32 bytes each, little-endian.

    Raises
    ------
    BadInput
        If one is not in 0 ... r - 1.
    """
    return encode_scalars(curve, values, "little")


def decode_public_inputs(curve: Curve, encoded: bytes) -> list[int]:
    """Decode what :func:`encode_public_inputs` wrote.

    Raises
    ------
    BadInput
        If the length is no multiple of 32 or a value is not below r.
    """
    return decode_scalars(curve, encoded, "little")
