"""Verifier contracts in Solidity, and the arguments to call them with.

The contract for BN254 has the interface of snarkjs', ``verifyProof(uint[2], uint[2][2], uint[2], uint[n])``, and uses
the precompiled contracts of EIP-196 and EIP-197. The one for BLS12-381 uses those of EIP-2537, where an element of Fp
takes two words: ``verifyProof(uint[4], uint[8], uint[4], uint[n])``. Both revert with a custom error on a public input
that is not below r and on a point that is none; a proof that is merely wrong gives false.

A public input takes about 85 bytes of code on BN254 and 136 on BLS12-381, of the 24,576 that EIP-170 allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

import kernels
from kernels.curves import Curve, Group, get_curve
from kernels.encoding import points_to_ints
from prover.formats import eip
from prover.groth16.verify import negated, prepare_verifying_key

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.encoding import Limbs
    from prover.groth16.keys import VerifyingKey
    from prover.groth16.proof import Proof

_WORD_BYTES = 32
_DEVELOPMENT = """
// FOR DEVELOPMENT ONLY: the key was made without a ceremony.
// Whoever made it can forge proofs that this contract accepts.
"""
_INPUTS_ERROR = """    /// Public input `index` is not below r. It would stand for the same statement as another number.
    error PublicInputNotInField(uint256 index);
"""
_INPUTS_CHECK = Template("""        uint256 refused; // one more than the index of the first input that is not below r
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, $public) {} {
                let at := add(_pubSignals, shl(5, i))
                i := add(i, 1)
                if iszero(lt(calldataload(at), R)) {
                    refused := i
                    break
                }
            }
        }
        if (refused != 0) revert PublicInputNotInField(refused - 1);
""")
_NO_INPUTS_ERROR = """    /// This circuit has no public inputs.
    error TooManyPublicInputs();
"""
_NO_INPUTS_CHECK = """        // Solidity has no arrays of length zero; an empty one of any length takes the place.
        if (_pubSignals.length != 0) revert TooManyPublicInputs();
"""


def verifier_contract(vk: VerifyingKey, *, development: bool = False, backend: Backend | None = None) -> str:
    """Source of a contract that verifies proofs of one key.

    Parameters
    ----------
    development
        Whether the key was made without a ceremony; the contract then says so.

    Raises
    ------
    BadInput
        If a point of the key is off the curve or outside its subgroup, or one of alpha, beta, gamma and delta is
        infinity: proofs for such a key can be forged.
    """
    prepare_verifying_key(vk, backend or kernels.get_backend())
    template = files(__package__).joinpath("contracts", f"verifier_{vk.curve.name}.sol.template")
    return Template(template.read_text(encoding="utf-8")).substitute(
        notice=_DEVELOPMENT if development else "",
        public=vk.public,
        length=vk.public or "",
        inputs_error=_INPUTS_ERROR if vk.public else _NO_INPUTS_ERROR,
        inputs_check=_INPUTS_CHECK.substitute(public=vk.public) if vk.public else _NO_INPUTS_CHECK,
        constants="\n".join(f"    uint256 private constant {name} = {value};" for name, value in _constants(vk)),
        terms="".join(f"            {line}\n" for line in _TERMS[vk.curve.name](vk.public)),
    )


def solidity_calldata(proof: Proof, public_inputs: Limbs | Sequence[int]) -> str:
    """The arguments of ``verifyProof``, as ``snarkjs groth16 exportsoliditycalldata`` prints them.

    Raises
    ------
    BadInput
        If a public input is not in 0 ... r - 1.
    """
    curve = get_curve(proof.curve)
    a = _quoted(eip.encode_points(curve, "g1", proof.a[np.newaxis]))
    b = _quoted(eip.encode_points(curve, "g2", proof.b[np.newaxis]))
    c = _quoted(eip.encode_points(curve, "g1", proof.c[np.newaxis]))
    inputs = _quoted(eip.encode_public_inputs(curve, public_inputs))
    second = f"[{_listed(b[:2])}],[{_listed(b[2:])}]" if curve.name == "bn254" else _listed(b)
    return f"[{_listed(a)}],[{second}],[{_listed(c)}],[{','.join(inputs)}]"


def _quoted(encoded: bytes) -> list[str]:
    return [f'"0x{encoded[at : at + _WORD_BYTES].hex()}"' for at in range(0, len(encoded), _WORD_BYTES)]


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)


def _constants(vk: VerifyingKey) -> Iterator[tuple[str, str]]:
    """Names and values of the contract's constants."""
    curve = vk.curve
    if vk.public:
        yield "R", str(curve.fr.modulus)
    yield from _named_words(curve, "g1", "MINUS_ALPHA", negated(curve, vk.alpha_g1))
    yield from _named_words(curve, "g2", "BETA", vk.beta_g2)
    for name, element in (("MINUS_GAMMA", vk.gamma_g2), ("MINUS_DELTA", vk.delta_g2)):
        ((x, (y0, y1)),) = points_to_ints(curve, "g2", element[np.newaxis])
        p = curve.fp.modulus
        yield from _named_coordinates(curve, "g2", name, (x, (-y0 % p, -y1 % p)))
    for index, point in enumerate(points_to_ints(curve, "g1", vk.ic)):
        yield from _named_coordinates(curve, "g1", f"IC{index}", point)


def _named_words(curve: Curve, group: Group, name: str, point: Limbs) -> Iterator[tuple[str, str]]:
    (coordinates,) = points_to_ints(curve, group, point[np.newaxis])
    yield from _named_coordinates(curve, group, name, coordinates)


def _named_coordinates(curve: Curve, group: Group, name: str, point: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - G1Affine or G2Affine by group
    """One constant a word, in the order of the precompiled contracts."""
    parts = _COORDINATES[curve.name] if group == "g2" else ("X", "Y")
    for part, value in zip(parts, eip.coordinates(curve, group, point), strict=True):
        if eip.field_bytes(curve) == _WORD_BYTES:
            yield f"{name}_{part}", str(value)
        else:
            high, low = divmod(value, 1 << 8 * _WORD_BYTES)
            yield f"{name}_{part}_HIGH", hex(high)
            yield f"{name}_{part}_LOW", hex(low)


def _bn254_terms(public: int) -> Iterator[str]:
    for index in range(public):
        input_at = f"add(_pubSignals, {_WORD_BYTES * index})" if index else "_pubSignals"
        call = f"addTerm(sum, IC{index + 1}_X, IC{index + 1}_Y, calldataload({input_at}))"
        yield f"answered := and(answered, {call})"


def _bls12_381_terms(public: int) -> Iterator[str]:
    """One multi-scalar multiplication, whose result the constant's point is added to."""
    if not public:
        return
    yield "let terms := add(pairs, 0x600)"
    term_bytes = 128 + _WORD_BYTES
    for index in range(public):
        name, at = f"IC{index + 1}", f"add(terms, {term_bytes * index})"
        yield f"store({at}, {name}_X_HIGH, {name}_X_LOW, {name}_Y_HIGH, {name}_Y_LOW)"
        input_at = f"add(_pubSignals, {_WORD_BYTES * index})"
        yield f"mstore(add(terms, {term_bytes * index + 128}), calldataload({input_at}))"
    yield f"answered := ask(0x0c, terms, {term_bytes * public:#x}, add(pairs, 0x380), 0x80)"
    yield "answered := and(answered, ask(0x0b, add(pairs, 0x300), 0x100, add(pairs, 0x300), 0x80))"


_COORDINATES = {"bn254": ("X1", "X0", "Y1", "Y0"), "bls12_381": ("X0", "X1", "Y0", "Y1")}
_TERMS = {"bn254": _bn254_terms, "bls12_381": _bls12_381_terms}
