"""Our contract and calldata beside those of snarkjs, for the same keys and proofs."""

import json

import pytest

from prover.formats import proof_to_json, solidity_calldata, verifier_contract, write_json, write_zkey
from tests.npm_tools import snarkjs
from tests.prover.formats.evm import compile_solidity
from tests.prover.formats.statements import proven


def arguments_of(calldata):
    def words(value):
        return [word for part in value for word in words(part)] if isinstance(value, list) else [int(value, 16)]

    return words(json.loads(f"[{calldata}]"))


@pytest.mark.parametrize("public", [0, 1, 64])
def test_calldata_is_the_same_text(public, tmp_path):
    it = proven("bn254", public)
    write_json(tmp_path / "proof.json", proof_to_json(it.proof))
    write_json(tmp_path / "public.json", [str(value) for value in it.public_inputs])
    theirs = snarkjs("zkey", "export", "soliditycalldata", "public.json", "proof.json", cwd=tmp_path).stdout
    assert solidity_calldata(it.proof, it.public_inputs) == theirs.strip()


@pytest.mark.parametrize("public", [1, 64])
def test_the_interface_is_the_same_and_the_gas_no_more(public, tmp_path):
    it = proven("bn254", public)
    write_zkey(tmp_path / "key.zkey", it.key)
    snarkjs("zkey", "export", "solidityverifier", "key.zkey", "verifier.sol", cwd=tmp_path)
    theirs = compile_solidity((tmp_path / "verifier.sol").read_text(encoding="utf-8"))
    ours = compile_solidity(verifier_contract(it.vk))
    (their_function,) = [entry for entry in theirs.abi if entry["type"] == "function"]
    (our_function,) = [entry for entry in ours.abi if entry["type"] == "function"]
    our_function["outputs"][0]["name"] = ""
    assert our_function == their_function
    arguments = arguments_of(solidity_calldata(it.proof, it.public_inputs))
    signature = f"verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[{public}])"
    answers = [contract.call(signature, arguments) for contract in (ours, theirs)]
    assert [answer.accepted for answer in answers] == [True, True]
    sizes = f"gas {answers[0].gas}, snarkjs {answers[1].gas}; bytes {len(ours.code)}, snarkjs {len(theirs.code)}"
    print(f"public inputs {public}: {sizes}")  # noqa: T201 - shown with pytest -rP
    assert answers[0].gas <= answers[1].gas
