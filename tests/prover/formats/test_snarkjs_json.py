"""JSON of snarkjs."""

import pytest

from kernels.encoding import limbs_from_ints
from prover import groth16
from prover.errors import BadInput
from prover.formats import (
    proof_from_json,
    proof_to_json,
    public_from_json,
    public_to_json,
    read_json,
    verifying_key_from_json,
    verifying_key_to_json,
    write_json,
)


@pytest.fixture
def proof(vectors):
    return read_json(vectors / "proof.json")


@pytest.fixture
def vk(vectors):
    return read_json(vectors / "verification_key.json")


def test_what_is_read_is_written_byte_for_byte(vectors, tmp_path):
    for name, read, write in (
        ("proof.json", proof_from_json, proof_to_json),
        ("verification_key.json", verifying_key_from_json, verifying_key_to_json),
        ("public.json", public_from_json, lambda values: public_to_json(limbs_from_ints(values, 4))),
    ):
        write_json(tmp_path / name, write(read(read_json(vectors / name))))
        assert (tmp_path / name).read_bytes() == (vectors / name).read_bytes(), name


def test_aliases_and_rapidsnarks_form_are_known(vectors, proof, vk):
    public = public_from_json(read_json(vectors / "public.json"))
    key = verifying_key_from_json({**vk, "curve": vk["curve"].upper()})
    groth16.verify(key, proof_from_json(proof), public)
    if vectors.name == "bn128":
        groth16.verify(
            key, proof_from_json({name: proof[name] for name in ("pi_a", "pi_b", "pi_c", "protocol")}), public
        )
    numbers = {**proof, "pi_a": [int(x) for x in proof["pi_a"][:2]]}
    assert proof_from_json(numbers) == proof_from_json(proof)


def test_infinity_is_written_and_read_as_snarkjs_does(vk):
    at_infinity = {**vk, "IC": [*vk["IC"][:-1], ["0", "1", "0"]]}
    again = verifying_key_to_json(verifying_key_from_json(at_infinity))
    assert again == at_infinity


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"pi_a": None}, "pi_a of the proof must be a list"),
        ({"pi_a": ["1"]}, "two or three coordinates"),
        ({"pi_a": ["1", "2", "3"]}, "z = 1"),
        ({"pi_a": ["-1", "2", "1"]}, "coordinate 0 of pi_a of the proof must be a decimal string"),
        ({"pi_a": ["01", "2", "1"]}, "decimal string"),
        ({"pi_a": ["0x1", "2", "1"]}, "decimal string"),
        ({"pi_a": [True, "2", "1"]}, "decimal string"),
        ({"pi_a": ["1" * 200, "2", "1"]}, "decimal string"),
        ({"pi_a": ["9" * 120, "2", "1"]}, "not below p"),
        ({"pi_a": ["5", "5", "1"]}, "pi_a of the proof is off the curve"),
        ({"pi_b": [["1", "2"], ["3"], ["1", "0"]]}, "coordinate 1 of pi_b of the proof must be a pair"),
        ({"pi_b": ["12", "34", "10"]}, "must be a pair"),
        ({"protocol": "plonk"}, "'plonk', not 'groth16'"),
        ({"curve": "secp256k1"}, "known are"),
        ({"curve": 5}, "does not say its curve"),
    ],
)
def test_a_malformed_proof_is_refused(proof, change, why):
    with pytest.raises(BadInput, match=why):
        proof_from_json({**proof, **change})


def test_missing_entries_and_other_documents_are_refused(proof):
    for name in ("pi_a", "pi_b", "pi_c"):
        with pytest.raises(BadInput, match=f"no entry '{name}'"):
            proof_from_json({key: value for key, value in proof.items() if key != name})
    for document in ([], None, 5, "proof"):
        with pytest.raises(BadInput, match="must be a JSON object"):
            proof_from_json(document)
        with pytest.raises(BadInput, match="must be a JSON object"):
            verifying_key_from_json(document)
    for document in ({}, None, "12", 5):
        with pytest.raises(BadInput, match="list of decimal strings"):
            public_from_json(document)
    with pytest.raises(BadInput, match="public signal 1 must be a decimal string"):
        public_from_json(["1", "x"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"nPublic": 7}, "not nPublic"),
        ({"IC": []}, "IC of the verification key must be a list"),
        ({"IC": [["5", "5", "1"]]}, r"IC\[0\] of the verification key is off the curve"),
        ({"vk_alpha_1": ["5", "5", "1"]}, "vk_alpha_1 of the verification key is off the curve"),
        ({"CommitmentKeys": []}, "BSB22"),
    ],
)
def test_a_malformed_verifying_key_is_refused(vk, change, why):
    with pytest.raises(BadInput, match=why):
        verifying_key_from_json({**vk, **change})


def test_files_that_are_no_json_are_refused(tmp_path):
    path = tmp_path / "f.json"
    for content, why in (
        (b"{", "line 1, column 2"),
        (b"\xff\xfe\xfa", "no JSON that can be read|no JSON"),
        (b"[" * 100_000, "nested deeper than 200 levels"),
        (b'["' + b"]" * 200_000 + b'",' + b"[{" * 100_000, "nested deeper"),
        (b'["' + b'\\"]' * 200_000 + b'",' + b"[{" * 100_000, "nested deeper"),
        (b"[" + b"9" * 10_000 + b"]", "no JSON that can be read"),
    ):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=why):
            read_json(path)
    with pytest.raises(BadInput, match="No such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(BadInput, match="cannot be written"):
        write_json(tmp_path / "none" / "f.json", {})
