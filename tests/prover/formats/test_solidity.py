import dataclasses
import functools
import json

import numpy as np
import pytest
from eth.vm.forks.cancun import CancunVM

from kernels.encoding import points_from_ints
from prover.errors import BadInput
from prover.formats import eip, solidity
from prover.formats.square_roots import y_coordinate
from tests.prover.formats.evm import CODE_LIMIT, compile_solidity
from tests.prover.formats.statements import proven

CURVES = ("bn254", "bls12_381")
SHAPES = {"bn254": "uint256[2],uint256[2][2],uint256[2]", "bls12_381": "uint256[4],uint256[8],uint256[4]"}
PROOF_WORDS = {"bn254": 8, "bls12_381": 16}
B_AT = {"bn254": 2, "bls12_381": 4}


@functools.cache
def contract(name, public):
    return compile_solidity(solidity.verifier_contract(proven(name, public).vk))


def words(proof, public_inputs):
    """The arguments as the exported text gives them, flat."""
    arguments = json.loads(f"[{solidity.solidity_calldata(proof, public_inputs)}]")
    assert len(arguments) == 4
    return [int(word, 16) for argument in arguments for word in flat(argument)]


def flat(value):
    return [leaf for part in value for leaf in flat(part)] if isinstance(value, list) else [value]


def call(name, public, arguments, **options):
    if not public:  # a dynamic array: where it begins, its length, its elements
        proof, inputs = arguments[: PROOF_WORDS[name]], arguments[PROOF_WORDS[name] :]
        arguments = [*proof, 32 * (len(proof) + 1), len(inputs), *inputs]
    signature = f"verifyProof({SHAPES[name]},uint256[{public or ''}])"
    return contract(name, public).call(signature, arguments, **options)


@pytest.mark.parametrize(("name", "public"), [(name, public) for name in CURVES for public in (0, 1, 64)])
def test_a_real_proof_is_accepted(name, public):
    it = proven(name, public)
    answer = call(name, public, words(it.proof, it.public_inputs))
    assert answer.accepted
    print(f"{name}, public inputs {public}: gas {answer.gas}")  # noqa: T201 - shown with pytest -rP
    assert len(contract(name, public).code) < CODE_LIMIT / 2


@pytest.mark.parametrize(("name", "public", "index"), [("bn254", 1, 0), ("bn254", 64, 63), ("bls12_381", 1, 0)])
def test_another_statement_is_not_accepted(name, public, index):
    it = proven(name, public)
    inputs = list(it.public_inputs)
    inputs[index] ^= 1
    assert not call(name, public, words(it.proof, inputs)).accepted


@pytest.mark.parametrize("element", ["a", "b", "c"])
def test_a_proof_with_another_point_is_not_accepted(element):
    it, other = proven("bn254", 1), proven("bn254", 64)
    tampered = dataclasses.replace(it.proof, **{element: getattr(other.proof, element)})
    assert not call("bn254", 1, words(tampered, it.public_inputs)).accepted


@pytest.mark.parametrize("name", CURVES)
def test_an_aliased_input_is_refused_by_name(name):
    it = proven(name, 64)
    r = it.curve.fr.modulus
    for index in (0, 1, 63):
        arguments = words(it.proof, it.public_inputs)
        value = arguments[PROOF_WORDS[name] + index]
        aliases = {value + r, r, 2**256 - 1}
        assert value + r < 2**256, "the alias of this input fits a word"
        for alias in aliases:
            arguments[PROOF_WORDS[name] + index] = alias
            assert call(name, 64, arguments).is_error("PublicInputNotInField(uint256)", index)


@pytest.mark.parametrize("name", CURVES)
def test_coordinates_not_below_p_and_points_off_the_curve_are_refused(name):
    it = proven(name, 1)
    arguments = words(it.proof, it.public_inputs)
    width = eip.field_bytes(it.curve) // 32
    first, last = 0, PROOF_WORDS[name] - width
    for place in (first, width, B_AT[name], last):
        value = sum(arguments[place + i] << 256 * (width - 1 - i) for i in range(width))
        changes = (value + it.curve.fp.modulus, value ^ 1, 2 ** (256 * width) - 1)
        for changed in changes if place != last else changes[:1]:  # the simulated precompile is slow to get there
            bad = list(arguments)
            for i in range(width):
                bad[place + i] = changed >> 256 * (width - 1 - i) & (2**256 - 1)
            answer = call(name, 1, bad)
            assert answer.is_error("PrecompileFailed()")


@pytest.mark.parametrize("name", CURVES)
def test_a_point_outside_the_subgroup_is_refused(name):
    it = proven(name, 1)
    x = next(x for x in range(1, 100) if y_coordinate(it.curve, "g2", (x, 0)) is not None)
    outside = points_from_ints(it.curve, "g2", [((x, 0), y_coordinate(it.curve, "g2", (x, 0)))])
    arguments = words(it.proof, it.public_inputs)
    encoded = eip.encode_points(it.curve, "g2", outside)
    at = B_AT[name]
    arguments[at : at + len(encoded) // 32] = [encoded[i : i + 32] for i in range(0, len(encoded), 32)]
    assert call(name, 1, arguments).is_error("PrecompileFailed()")


@pytest.mark.parametrize("name", CURVES)
def test_too_little_gas_is_no_verdict(name):
    """A caller who acts on a rejection must not be led to one by starving the call."""
    it = proven(name, 1)
    arguments = words(it.proof, it.public_inputs)
    for gas in (300, 3_000, 10_000, 100_000, 160_000):
        assert call(name, 1, arguments, gas=gas).reverted


def test_a_chain_without_the_precompiles_gives_no_verdict():
    for public in (0, 1):
        it = proven("bls12_381", public)
        answer = call("bls12_381", public, words(it.proof, it.public_inputs), rules=CancunVM)
        assert answer.is_error("PrecompileFailed()")


@pytest.mark.parametrize("name", CURVES)
def test_a_circuit_without_public_inputs_takes_none(name):
    it = proven(name, 0)
    assert call(name, 0, [*words(it.proof, []), 5]).is_error("TooManyPublicInputs()")


@pytest.mark.parametrize("name", CURVES)
def test_calldata_too_short_is_refused(name):
    it = proven(name, 1)
    assert call(name, 1, words(it.proof, it.public_inputs)[:-1]).reverted


@pytest.mark.parametrize("settings", [{"optimizer": {"enabled": False}}, {"viaIR": True}, {"evmVersion": "london"}])
@pytest.mark.parametrize("name", CURVES)
def test_it_compiles_under_other_settings(name, settings):
    it = proven(name, 1)
    compiled = compile_solidity(solidity.verifier_contract(it.vk), **settings)
    arguments = words(it.proof, it.public_inputs)
    signature = f"verifyProof({SHAPES[name]},uint256[1])"
    if name == "bn254":
        assert compiled.call(signature, arguments).accepted
    arguments[-1] = it.curve.fr.modulus
    assert compiled.call(signature, arguments).is_error("PublicInputNotInField(uint256)", 0)


@pytest.mark.parametrize("name", CURVES)
def test_the_contract_says_when_its_key_is_for_development(name):
    vk = proven(name, 1).vk
    assert "FOR DEVELOPMENT ONLY" in solidity.verifier_contract(vk, development=True)
    assert "DEVELOPMENT" not in solidity.verifier_contract(vk)


@pytest.mark.parametrize("name", CURVES)
def test_no_contract_is_written_for_a_key_that_lets_proofs_be_forged(name):
    vk = proven(name, 1).vk
    with pytest.raises(BadInput, match="infinity"):
        solidity.verifier_contract(dataclasses.replace(vk, delta_g2=np.zeros_like(vk.delta_g2)))
    with pytest.raises(BadInput, match="off the curve"):
        solidity.verifier_contract(dataclasses.replace(vk, ic=vk.ic ^ np.uint64(1)))


def test_calldata_refuses_inputs_that_the_contract_would():
    it = proven("bn254", 1)
    with pytest.raises(BadInput, match="public input 0"):
        solidity.solidity_calldata(it.proof, [it.curve.fr.modulus])
