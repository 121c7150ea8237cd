"""Keys from files, in a real service."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from prover import BadInput, KeyNotFound, UnsatisfiedConstraint, groth16
from prover.circuits import get_circuit
from prover.formats import read_json, read_r1cs, read_wtns, verifying_key_from_json, write_zkey
from prover.formats.container import open_container

pytestmark = pytest.mark.ray
VECTORS = Path(__file__).parents[1] / "vectors" / "circom"


@pytest.fixture(params=["bn128", "bls12381"])
def vectors(request):
    return VECTORS / request.param


def entry(client, key):
    (found,) = [described for described in client.list_keys() if described["key_id"] == key.key_id]
    return found


def test_snarkjs_key_proves_witness_files(client, vectors):
    key = client.add_key(vectors / "circuit.zkey", name=f"example {vectors.name}")
    vk = verifying_key_from_json(read_json(vectors / "verification_key.json"))
    assert key.verifying_key.fingerprint == vk.fingerprint
    assert (key.circuit, key.metadata.development) == (None, False)
    batch = client.prove_batch(key, [vectors / "witness.wtns", str(vectors / "witness.wtns"), vectors / "none.wtns"])
    batch.results(return_exceptions=True)
    witness = read_wtns(vectors / "witness.wtns").witness
    for job in batch.jobs[:2]:
        groth16.verify(vk, job.proof, job.public_inputs)
        assert np.array_equal(job.public_inputs, witness[1:4])
    assert isinstance(batch.jobs[2].error, BadInput)
    assert "none.wtns cannot be read" in str(batch.jobs[2].error)


def test_a_wrong_witness_fails_alone_with_its_reason(client, vectors):
    right = read_wtns(vectors / "witness.wtns").witness
    wrong = right.copy()
    wrong[2, 0] += 1
    by_proof = client.add_key(vectors / "circuit.zkey")
    results = client.prove_batch(by_proof, np.stack([right, wrong])).results(return_exceptions=True)
    assert isinstance(results[0], groth16.Proof)
    assert isinstance(results[1], BadInput)
    assert "does not satisfy the key's circuit" in str(results[1])
    by_constraint = client.add_key(vectors / "circuit.zkey", r1cs=vectors / "circuit.r1cs")
    assert by_constraint.key_id != by_proof.key_id, "it holds more"
    results = client.prove_batch(by_constraint, np.stack([right, wrong])).results(return_exceptions=True)
    assert isinstance(results[0], groth16.Proof)
    assert isinstance(results[1], UnsatisfiedConstraint)
    assert results[1].index == 2


def test_one_key_added_twice_is_one_and_two_of_one_name_are_two(client, vectors, tmp_path):
    shutil.copy(vectors / "circuit.zkey", tmp_path / "copy.zkey")
    system = read_r1cs(vectors / "circuit.r1cs")
    write_zkey(tmp_path / "circuit.zkey", groth16.setup(system.r1cs, system.header.curve))
    one = client.add_key(vectors / "circuit.zkey", name="circuit")
    assert client.add_key(tmp_path / "copy.zkey", name="circuit").key_id == one.key_id
    assert entry(client, one)["names"].count("circuit") == 1
    other = client.add_key(tmp_path / "circuit.zkey", name="circuit")
    assert other.key_id != one.key_id
    assert other.metadata.development
    with pytest.raises(BadInput, match="stands for"):
        client.find_key_id("circuit")
    witness = read_wtns(vectors / "witness.wtns").witness
    for key in (one, other):
        (proof,) = client.prove_batch(key, witness[np.newaxis]).results()
        groth16.verify(key.verifying_key, proof, witness[1:4])
    for key in (one, other):
        assert client.find_key_id(key.key_id[:20]) == key.key_id
        client.remove_key(key.key_id)


def test_keys_of_built_in_circuits_and_of_files_do_not_mix(client, tmp_path):
    circuit = get_circuit("multiply", "bn254")
    write_zkey(
        tmp_path / "multiply.zkey", groth16.setup(circuit.r1cs, circuit.curve, circuit="multiply", parameters={})
    )
    ours, theirs = client.circuit("multiply", "bn254"), client.add_key(tmp_path / "multiply.zkey", name="multiply")
    assert ours.key_id != theirs.key_id
    assert client.circuit("multiply", "bn254").key_id == ours.key_id
    witnesses = circuit.random_witnesses(2)
    for key in (ours, theirs):
        proofs = client.prove_batch(key, witnesses).results()
        groth16.verify_batch(key.verifying_key, proofs, circuit.public_inputs(witnesses))
    client.remove_key(theirs.key_id)


def test_a_pinned_key_is_listed_so_and_removed_like_others(client, vectors):
    key = client.add_key(vectors / "circuit.zkey")
    assert not entry(client, key)["pinned"]
    client.pin_key(key.key_id)
    assert entry(client, key)["pinned"]
    client.pin_key(key.key_id, pinned=False)
    assert not entry(client, key)["pinned"]
    client.pin_key(key.key_id)
    client.warm_key(key.key_id)
    client.remove_key(key.key_id)
    with pytest.raises(KeyNotFound):
        client.pin_key(key.key_id)
    again = client.add_key(vectors / "circuit.zkey")
    assert not entry(client, again)["pinned"], "marks go with the key"


def test_files_that_are_no_keys_are_refused(client, vectors, tmp_path):
    content = bytearray((vectors / "circuit.zkey").read_bytes())
    content[open_container(vectors / "circuit.zkey", b"zkey", (1,)).sections[9].start] ^= 1
    (tmp_path / "off.zkey").write_bytes(content)
    with pytest.raises(BadInput, match="off the curve"):
        client.add_key(tmp_path / "off.zkey")
    with pytest.raises(BadInput, match=r"no \.zkey file"):
        client.add_key(vectors / "witness.wtns")
    with pytest.raises(KeyNotFound, match="neither"):
        client.add_key(tmp_path / "none.zkey")
    with pytest.raises(BadInput, match="cannot be named"):
        client.add_key(vectors / "circuit.zkey", name="a/b")
    other = next(folder for folder in VECTORS.iterdir() if folder.is_dir() and folder != vectors)
    with pytest.raises(BadInput, match="the circuit over"):
        client.add_key(vectors / "circuit.zkey", r1cs=other / "circuit.r1cs")
    key = client.add_key(vectors / "circuit.zkey")
    (item,) = client.prove_batch(key, [other / "witness.wtns"]).results(return_exceptions=True)
    assert "the witness is over the scalars of" in str(item)
