"""Proofs and verifying keys from and to the points of ``py_ecc``, the curve library of Ethereum's Python tools.

Its modules ``bn128`` and ``bls12_381`` hold affine points (x, y) with None for infinity, ``optimized_bn128`` and
``optimized_bls12_381`` homogeneous ones (x, y, z) = (x/z, y/z) with z = 0 for infinity. Reading takes either, and tells
the curve from the field of the coordinates; writing needs ``py_ecc`` installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

import kernels
from kernels.curves import CURVES, Curve, Group, get_curve
from kernels.encoding import points_from_ints, points_to_ints
from prover.errors import BadInput
from prover.formats.point_codec import validated_proof
from prover.groth16.keys import VerifyingKey
from prover.groth16.proof import Proof
from prover.groth16.verify import prepare_verifying_key

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.encoding import Limbs

_MODULES = {"bn254": "bn128", "bls12_381": "bls12_381"}


def proof_from_py_ecc(a: Any, b: Any, c: Any, backend: Backend | None = None) -> Proof:  # noqa: ANN401 - py_ecc is untyped
    """A proof from its three points, validated.

    Raises
    ------
    BadInput
        If an element is no point of py_ecc, they are on different curves, all are infinity (which says no curve), or
        one is off the curve or outside its subgroup.
    """
    curve = _curve_of([a, b, c])
    proof = Proof(
        curve.name,
        _point(curve, "g1", a, "element a of the proof"),
        _point(curve, "g2", b, "element b of the proof"),
        _point(curve, "g1", c, "element c of the proof"),
    )
    return validated_proof(proof, backend)


def proof_to_py_ecc(proof: Proof, *, optimized: bool = False) -> tuple[Any, Any, Any]:
    """The three points of a proof, affine or for the modules named ``optimized``."""
    curve = get_curve(proof.curve)
    return (
        _to_py_ecc(curve, "g1", proof.a, optimized=optimized),
        _to_py_ecc(curve, "g2", proof.b, optimized=optimized),
        _to_py_ecc(curve, "g1", proof.c, optimized=optimized),
    )


def verifying_key_from_py_ecc(
    alpha_g1: Any,  # noqa: ANN401 - py_ecc is untyped
    beta_g2: Any,  # noqa: ANN401
    gamma_g2: Any,  # noqa: ANN401
    delta_g2: Any,  # noqa: ANN401
    ic: Sequence[Any],
    backend: Backend | None = None,
) -> VerifyingKey:
    """A verifying key from its points, validated.

    Raises
    ------
    BadInput
        As :func:`proof_from_py_ecc`, and if alpha, beta, gamma or delta is infinity.
    """
    curve = _curve_of([alpha_g1, beta_g2, gamma_g2, delta_g2, *ic])
    vk = VerifyingKey(
        curve,
        _point(curve, "g1", alpha_g1, "alpha_g1"),
        _point(curve, "g2", beta_g2, "beta_g2"),
        _point(curve, "g2", gamma_g2, "gamma_g2"),
        _point(curve, "g2", delta_g2, "delta_g2"),
        points_from_ints(curve, "g1", [_affine(curve, "g1", point, f"ic[{i}]") for i, point in enumerate(ic)]),
    )
    prepare_verifying_key(vk, backend or kernels.get_backend())
    return vk


def verifying_key_to_py_ecc(vk: VerifyingKey, *, optimized: bool = False) -> tuple[Any, Any, Any, Any, list[Any]]:
    """alpha, beta, gamma, delta and the list ic."""
    alpha, *ic = (_to_py_ecc(vk.curve, "g1", point, optimized=optimized) for point in (vk.alpha_g1, *vk.ic))
    beta, gamma, delta = (
        _to_py_ecc(vk.curve, "g2", point, optimized=optimized) for point in (vk.beta_g2, vk.gamma_g2, vk.delta_g2)
    )
    return alpha, beta, gamma, delta, ic


def _curve_of(points: Sequence[Any]) -> Curve:
    """The one curve that some points are on, by the modulus of their coordinates."""
    coordinates = [coordinate for point in points if point is not None for coordinate in _coordinates(point)]
    moduli = {getattr(coordinate, "field_modulus", None) for coordinate in coordinates}
    found = [curve for curve in CURVES if moduli == {curve.fp.modulus}]
    if not found:
        known = ", ".join(f"py_ecc.{_MODULES[curve.name]}" for curve in CURVES)
        raise BadInput(f"the points are not all of one of py_ecc's curves known here ({known})")
    return found[0]


def _coordinates(point: Any) -> Sequence[Any]:  # noqa: ANN401 - py_ecc is untyped
    if not isinstance(point, tuple | list) or len(point) not in {2, 3}:
        raise BadInput("a point of py_ecc is a tuple (x, y) or (x, y, z), or None for infinity")
    return point


def _point(curve: Curve, group: Group, point: Any, what: str) -> Limbs:  # noqa: ANN401 - py_ecc is untyped
    (encoded,) = points_from_ints(curve, group, [_affine(curve, group, point, what)])
    return np.asarray(encoded, dtype=np.uint64)


def _affine(curve: Curve, group: Group, point: Any, what: str) -> Any:  # noqa: ANN401 - py_ecc is untyped
    """Affine coordinates as integers, None for infinity."""
    if point is None:
        return None
    x, y, *z = _coordinates(point)
    if z:
        if _integers(group, z[0], what) == (0,) * (1 if group == "g1" else 2):
            return None
        x, y = x / z[0], y / z[0]
    x, y = _integers(group, x, what), _integers(group, y, what)
    # The encoding of points here keeps (0, 0), which is on neither curve, for infinity.
    if not any((*x, *y)):
        raise BadInput(f"{what} is off the curve of {curve.name}: (0, 0) is not on it")
    return (x[0], y[0]) if group == "g1" else (x, y)


def _integers(group: Group, coordinate: Any, what: str) -> tuple[int, ...]:  # noqa: ANN401 - py_ecc is untyped
    components = (coordinate.n,) if hasattr(coordinate, "n") else tuple(getattr(coordinate, "coeffs", ()))
    if len(components) != (1 if group == "g1" else 2):
        raise BadInput(f"{what} is not in {group.upper()}: its coordinates are of another field")
    return tuple(int(component) for component in components)


def _to_py_ecc(curve: Curve, group: Group, point: Limbs, *, optimized: bool) -> Any:  # noqa: ANN401 - py_ecc is untyped
    module = _module(curve, optimized=optimized)
    field = module.FQ if group == "g1" else module.FQ2
    (affine,) = points_to_ints(curve, group, point[None])
    if affine is None:
        return (field.one(), field.one(), field.zero()) if optimized else None
    x, y = (field(coordinate) for coordinate in affine)
    return (x, y, field.one()) if optimized else (x, y)


def _module(curve: Curve, *, optimized: bool) -> ModuleType:
    name = f"py_ecc.{'optimized_' if optimized else ''}{_MODULES[curve.name]}"
    try:
        return import_module(name)
    except ImportError:
        raise BadInput("py_ecc is not installed; pip install py-ecc") from None
