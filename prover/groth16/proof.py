"""A Groth16 proof and its fixed-size encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import kernels
from kernels.curves import CURVES, Curve, Group, get_curve
from kernels.encoding import ints_from_limbs, ints_from_montgomery, limbs_from_ints, montgomery_from_ints
from prover.errors import BadInput
from prover.groth16.membership import outside_group

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.encoding import Limbs

_GROUPS: dict[str, Group] = {"a": "g1", "b": "g2", "c": "g1"}


@dataclass(frozen=True, eq=False)
class Proof:
    """The three group elements of a proof (Groth 2016, section 3.2: [A]_1, [B]_2, [C]_1).

    Two proofs are equal when curve and elements are; the arrays are copies and read-only.

    Attributes
    ----------
    curve
        Name of the curve.
    a, c
        ``uint64[2, L]``: affine, Montgomery form.
    b
        ``uint64[2, 2, L]``: affine, Montgomery form.

    Raises
    ------
    BadInput
        If dtype or shape of an element is wrong. Whether it lies in its group is for :func:`prover.groth16.verify`
        to say, and is checked on reading from bytes.
    """

    curve: str
    a: Limbs
    b: Limbs
    c: Limbs

    def __post_init__(self) -> None:
        curve = get_curve(self.curve)
        for name, group in _GROUPS.items():
            copy = _read_only_copy(curve, name, getattr(self, name), curve.point_shape(group))
            object.__setattr__(self, name, copy)

    @classmethod
    def of_rows(cls, curve: Curve, a: Limbs, b: Limbs, c: Limbs) -> list[Proof]:
        """Proofs from ``n`` points for each element; they share one copy of each array.

        Raises
        ------
        BadInput
            If dtype or shape of an array is wrong.
        """
        shared = [
            _read_only_copy(curve, name, points, (len(a), *curve.point_shape(group)))
            for (name, group), points in zip(_GROUPS.items(), (a, b, c), strict=True)
        ]
        proofs = []
        for elements in zip(*shared, strict=True):
            proof = cls.__new__(cls)  # its elements are what __post_init__ makes of each, at a tenth of the cost
            vars(proof).update(zip(("curve", *_GROUPS), (curve.name, *elements), strict=True))
            proofs.append(proof)
        return proofs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proof) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> tuple[str, bytes, bytes, bytes]:
        return (self.curve, self.a.tobytes(), self.b.tobytes(), self.c.tobytes())

    def to_bytes(self) -> bytes:
        """Encode as A.x A.y B.x.c0 B.x.c1 B.y.c0 B.y.c1 C.x C.y, each 8 L bytes, little-endian, standard form.

        384 bytes on BLS12-381 and 256 on BN254; the point at infinity is all zero.
        """
        field = get_curve(self.curve).fp
        coordinates = [value for point in (self.a, self.b, self.c) for value in ints_from_montgomery(field, point)]
        return limbs_from_ints(coordinates, field.limbs).tobytes()

    @classmethod
    def from_bytes(cls, encoded: bytes, backend: Backend | None = None) -> Proof:
        """Decode and validate what :meth:`to_bytes` wrote; its length tells the curve.

        Raises
        ------
        BadInput
            If the length is that of no curve, a coordinate is not below p, or an element is off the curve or
            outside its subgroup.
        """
        curve = _curve_of_length(len(encoded))
        field = curve.fp
        coordinates = ints_from_limbs(np.frombuffer(encoded, dtype="<u8").reshape(8, field.limbs))
        if max(coordinates) >= field.modulus:
            raise BadInput(
                f"coordinate {coordinates.index(max(coordinates))} of the proof is not below p of {curve.name}"
            )
        limbs = montgomery_from_ints(field, coordinates)
        proof = cls(curve.name, limbs[0:2], limbs[2:6].reshape(2, 2, field.limbs), limbs[6:8])
        for element in elements_outside_group([proof], backend or kernels.get_backend())[0]:
            raise BadInput(f"element {element} of the proof is off the curve or outside its subgroup")
        return proof


def elements_outside_group(proofs: Sequence[Proof], backend: Backend) -> list[list[str]]:
    """For each of some proofs on one curve the names of the elements that are not points of their group."""
    if not proofs:
        return []
    curve, faults = get_curve(proofs[0].curve), [list[str]() for _ in proofs]
    for group in ("g1", "g2"):
        places = [(index, name) for index in range(len(proofs)) for name in _GROUPS if _GROUPS[name] == group]
        points = np.stack([getattr(proofs[index], name) for index, name in places])
        for place in np.flatnonzero(outside_group(backend, curve, group, points)):
            index, name = places[place]
            faults[index].append(name)
    return faults


def _read_only_copy(curve: Curve, name: str, points: Limbs, shape: tuple[int, ...]) -> Limbs:
    if not isinstance(points, np.ndarray) or points.dtype != np.uint64 or points.shape != shape:
        expected = ", ".join(map(str, shape))
        raise BadInput(f"element {name} of a proof on {curve.name} must be uint64[{expected}]")
    copy = np.array(points, order="C")
    copy.flags.writeable = False
    return copy


def _curve_of_length(length: int) -> Curve:
    sizes = {64 * curve.fp.limbs: curve for curve in CURVES}
    if length not in sizes:
        known = ", ".join(f"{size} ({curve.name})" for size, curve in sizes.items())
        raise BadInput(f"a proof is not {length} bytes long; the lengths are {known}")
    return sizes[length]
