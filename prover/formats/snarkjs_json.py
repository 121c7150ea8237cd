"""``proof.json``, ``public.json`` and ``verification_key.json``, as snarkjs and rapidsnark read and write them.

Numbers are decimal strings in standard form, points projective with z = 1 (or z = 0 at infinity), elements of Fp2
pairs (c0, c1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import kernels
from kernels.curves import CURVES, Curve, Group, get_curve
from kernels.encoding import ints_from_limbs, points_from_ints, points_to_ints
from prover.errors import BadInput
from prover.formats.alpha_beta import pairing_of_alpha_beta
from prover.groth16.keys import VerifyingKey
from prover.groth16.membership import outside_group
from prover.groth16.proof import Proof, elements_outside_group

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.encoding import Limbs

CURVE_NAMES: Final[Mapping[str, str]] = {"bn254": "bn128", "bls12_381": "bls12381"}
"""What snarkjs calls our curves; on reading every alias is known."""
PROTOCOL: Final = "groth16"
MOST_BYTES: Final = 1 << 28
"""Of a JSON file: the verifying key of a million public signals."""
MOST_DEPTH: Final = 200
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,154}")  # 512 bits: more than any coordinate
_COMMITMENTS: Final = ("CommitmentKeys", "commitments", "commitmentKeys", "PublicAndCommitmentCommitted")


def proof_to_json(proof: Proof) -> dict[str, Any]:
    """A proof as the content of a ``proof.json``."""
    curve = get_curve(proof.curve)
    return {
        "pi_a": point_to_json(curve, "g1", proof.a),
        "pi_b": point_to_json(curve, "g2", proof.b),
        "pi_c": point_to_json(curve, "g1", proof.c),
        "protocol": PROTOCOL,
        "curve": CURVE_NAMES[curve.name],
    }


def proof_from_json(document: Any, backend: Backend | None = None) -> Proof:  # noqa: ANN401 - JSON from outside
    """Read the content of a ``proof.json``.

    rapidsnark leaves out ``curve``; it is then BN254, the only one that rapidsnark knows.

    Raises
    ------
    BadInput
        Naming the entry that is missing or malformed, or the element that is off the curve or outside its subgroup.
    """
    proof = unchecked_proof_from_json(document)
    for element in elements_outside_group([proof], backend or kernels.get_backend())[0]:
        raise BadInput(f"pi_{element} of the proof is off the curve or outside its subgroup")
    return proof


def unchecked_proof_from_json(document: Any) -> Proof:  # noqa: ANN401 - JSON from outside
    """Like :func:`proof_from_json`, for whoever goes on to verify: its elements may lie outside their groups."""
    what = "proof"
    curve = _curve(_object(document, what), what, missing="bn254")
    parts: tuple[tuple[str, Group], ...] = (("pi_a", "g1"), ("pi_b", "g2"), ("pi_c", "g1"))
    elements = [_point(curve, group, _entry(document, name, what), f"{name} of the {what}") for name, group in parts]
    return Proof(curve.name, *elements)


def public_to_json(public_inputs: Limbs) -> list[str]:
    """Public signals ``uint64[public, 4]``, standard form, as the content of a ``public.json``."""
    return [str(value) for value in ints_from_limbs(public_inputs)]


def public_from_json(document: Any) -> list[int]:  # noqa: ANN401 - JSON from outside
    """Read the content of a ``public.json``; whether the values are below r is for verification to say.

    Raises
    ------
    BadInput
        If it is no list of decimal strings.
    """
    if not isinstance(document, list):
        raise BadInput("public signals must be a JSON list of decimal strings")
    return [_number(value, f"public signal {index}") for index, value in enumerate(document)]


def verifying_key_to_json(vk: VerifyingKey) -> dict[str, Any]:
    """A verifying key as the content of a ``verification_key.json``. Takes about a second: it computes a pairing."""
    curve = vk.curve
    return {
        "protocol": PROTOCOL,
        "curve": CURVE_NAMES[curve.name],
        "nPublic": vk.public,
        "vk_alpha_1": point_to_json(curve, "g1", vk.alpha_g1),
        "vk_beta_2": point_to_json(curve, "g2", vk.beta_g2),
        "vk_gamma_2": point_to_json(curve, "g2", vk.gamma_g2),
        "vk_delta_2": point_to_json(curve, "g2", vk.delta_g2),
        "vk_alphabeta_12": [
            [[str(part) for part in coefficient] for coefficient in half] for half in pairing_of_alpha_beta(vk)
        ],
        "IC": [point_to_json(curve, "g1", point) for point in vk.ic],
    }


def verifying_key_from_json(document: Any, backend: Backend | None = None) -> VerifyingKey:  # noqa: ANN401 - from outside
    """Read the content of a ``verification_key.json``. Its ``vk_alphabeta_12`` follows from the rest and is not used.

    Raises
    ------
    BadInput
        Naming the entry that is missing or malformed, or the point that is off the curve or outside its subgroup;
        also for a key of another protocol, or of gnark with commitments, whose proofs have more elements.
    """
    what, backend = "verification key", backend or kernels.get_backend()
    if any(name in _object(document, what) for name in _COMMITMENTS):
        raise BadInput(f"the {what} has commitments (gnark's BSB22): another protocol than Groth16")
    curve = _curve(document, what)
    points: dict[str, Limbs] = {}
    singles: tuple[tuple[str, Group], ...] = (
        ("vk_alpha_1", "g1"),
        ("vk_beta_2", "g2"),
        ("vk_gamma_2", "g2"),
        ("vk_delta_2", "g2"),
    )
    for name, group in singles:
        points[name] = _point(curve, group, _entry(document, name, what), f"{name} of the {what}")
        if outside_group(backend, curve, group, points[name][np.newaxis]).any():
            raise BadInput(f"{name} of the {what} is off the curve or outside its subgroup")
    given = _entry(document, "IC", what)
    if not isinstance(given, list) or not given:
        raise BadInput(f"IC of the {what} must be a list of points, one more than public signals")
    ic = np.stack([_point(curve, "g1", point, f"IC[{index}] of the {what}") for index, point in enumerate(given)])
    outside = outside_group(backend, curve, "g1", ic)
    if outside.any():
        raise BadInput(f"IC[{int(outside.argmax())}] of the {what} is off the curve or outside its subgroup")
    public = document.get("nPublic", len(ic) - 1)
    if public != len(ic) - 1:
        raise BadInput(f"the {what} has {len(ic)} points in IC, which is not nPublic + 1")
    return VerifyingKey(
        curve, points["vk_alpha_1"], points["vk_beta_2"], points["vk_gamma_2"], points["vk_delta_2"], ic
    )


def read_json(path: Path | str) -> Any:  # noqa: ANN401 - JSON from outside
    """Read a JSON file of at most :data:`MOST_BYTES`.

    Raises
    ------
    BadInput
        If it cannot be read or is no JSON, with line and column.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    return parse_json(content, str(path))


def parse_json(content: bytes, source: str) -> Any:  # noqa: ANN401 - JSON from outside
    """Read JSON from bytes; see :func:`read_json`.

    Parameters
    ----------
    source
        The file, for messages.
    """
    if len(content) > MOST_BYTES:
        raise BadInput(f"{source} is larger than {MOST_BYTES >> 20} MiB")
    if _depth(content) > MOST_DEPTH:
        raise BadInput(f"{source} is no JSON that can be read: it is nested deeper than {MOST_DEPTH} levels")
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise BadInput(f"{source} is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:  # not UTF-8, numbers of thousands of digits
        raise BadInput(f"{source} is no JSON that can be read ({type(error).__name__})") from None


def _depth(content: bytes) -> int:
    """How deep brackets nest: Python's parser overflows its stack where a library has lifted the limit of recursion."""
    brackets = np.frombuffer(_STRING.sub(b"", content), np.uint8)
    # "[" and "{" are 2 less than "]" and "}", 0x5b, 0x7b, 0x5d, 0x7d.
    opening, closing = brackets & 0xDF == 0x5B, brackets & 0xDF == 0x5D
    return int(np.cumsum(opening.astype(np.int32) - closing).max(initial=0))


def write_json(path: Path | str, document: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    """Write a JSON file as snarkjs does, indented by one space.

    Raises
    ------
    BadInput
        If the place cannot be written.
    """
    try:
        Path(path).write_text(json.dumps(document, indent=1), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from None


def _object(document: Any, what: str) -> Mapping[str, Any]:  # noqa: ANN401 - JSON from outside
    if not isinstance(document, Mapping):
        raise BadInput(f"a {what} must be a JSON object")
    return document


def _entry(document: Mapping[str, Any], name: str, what: str) -> Any:  # noqa: ANN401 - JSON from outside
    if name not in document:
        raise BadInput(f"the {what} has no entry {name!r}")
    return document[name]


def _curve(document: Mapping[str, Any], what: str, missing: str | None = None) -> Curve:
    protocol = document.get("protocol", PROTOCOL)
    if protocol != PROTOCOL:
        raise BadInput(f"the {what} is for protocol {str(protocol)[:40]!r}, not {PROTOCOL!r}")
    name = document.get("curve", missing)
    if not isinstance(name, str):
        raise BadInput(f"the {what} does not say its curve")
    try:
        return get_curve(name)
    except ValueError:
        known = ", ".join("/".join((CURVE_NAMES[curve.name], curve.name)) for curve in CURVES)
        raise BadInput(f"the {what} is on curve {name[:40]!r}; known are {known}") from None


def _number(value: Any, what: str) -> int:  # noqa: ANN401 - JSON from outside
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 512:
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return int(value)
    raise BadInput(f"{what} must be a decimal string")


def _coordinate(curve: Curve, group: Group, value: Any, what: str) -> list[int]:  # noqa: ANN401 - JSON from outside
    """A coordinate as its one or two parts, below p."""
    parts = [value] if group == "g1" else value
    if not isinstance(parts, Sequence) or isinstance(parts, str) or len(parts) != (1 if group == "g1" else 2):
        raise BadInput(f"{what} must be a pair of decimal strings")
    numbers = [_number(part, what) for part in parts]
    if max(numbers) >= curve.fp.modulus:
        raise BadInput(f"{what} is not below p of {curve.name}")
    return numbers


def _point(curve: Curve, group: Group, value: Any, what: str) -> Limbs:  # noqa: ANN401 - JSON from outside
    """A point (x, y) or (x, y, 1), or at infinity (..., 0), as affine Montgomery limbs."""
    if not isinstance(value, list) or len(value) not in {2, 3}:
        raise BadInput(f"{what} must be a list of two or three coordinates")
    x, y, *rest = (_coordinate(curve, group, part, f"coordinate {k} of {what}") for k, part in enumerate(value))
    z = rest[0] if rest else [1, 0][: len(x)]
    if not any(z) or not any((*x, *y)):
        point: Any = None
    elif z != [1, 0][: len(x)]:
        raise BadInput(f"{what} must have z = 1, or z = 0 at infinity")
    else:
        point = (x[0], y[0]) if group == "g1" else (tuple(x), tuple(y))
    limbs: Limbs = points_from_ints(curve, group, [point])[0]
    return limbs


def point_to_json(curve: Curve, group: Group, point: Limbs) -> list[Any]:
    """An affine point as snarkjs writes it: projective, z = 1, or (0, 1, 0) at infinity."""
    (found,) = points_to_ints(curve, group, point[np.newaxis])
    if group == "g1":
        x, y, z = (*found, 1) if found else (0, 1, 0)
        return [str(x), str(y), str(z)]
    (x0, x1), (y0, y1), z0 = (*found, 1) if found else ((0, 0), (1, 0), 0)
    return [[str(x0), str(x1)], [str(y0), str(y1)], [str(z0), "0"]]


__all__ = [
    "CURVE_NAMES",
    "parse_json",
    "point_to_json",
    "proof_from_json",
    "proof_to_json",
    "public_from_json",
    "public_to_json",
    "read_json",
    "unchecked_proof_from_json",
    "verifying_key_from_json",
    "verifying_key_to_json",
    "write_json",
]
