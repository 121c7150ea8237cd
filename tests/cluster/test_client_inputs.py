"""Inputs of a circom circuit, proven by a real service."""

import json
from pathlib import Path

import pytest

from fastpath.errors import DeadlineExceeded
from kernels.encoding import ints_from_limbs
from prover import BadInput, groth16, save_key
from prover.formats import read_r1cs
from prover.witness_calculator import WitnessCalculator

pytestmark = pytest.mark.ray
VECTORS = Path(__file__).parents[1] / "vectors" / "circom"
WASM = VECTORS / "bn128" / "circuit.wasm"


@pytest.fixture(scope="module")
def key(client, tmp_path_factory):
    read = read_r1cs(VECTORS / "bn128" / "circuit.r1cs")
    folder = tmp_path_factory.mktemp("made")
    key_id = save_key(groth16.setup(read.r1cs, read.header.curve), folder)
    return client.add_key(folder / key_id)


def inputs(x):
    return {"x": x, "y": "0x5", "unused": -1}


def test_inputs_become_proofs_and_a_bad_item_fails_alone(client, key):
    batch = client.prove_inputs(key, WASM, [inputs(1), {"x": 1}, inputs("3"), {**inputs(4), "z": 1}], threads=2)
    first, second, third, fourth = sorted(batch.as_completed(), key=lambda job: job.index)
    assert (first.error, third.error) == (None, None)
    assert "hold 1 of 3 values" in str(second.error)
    assert "no input signal 'z'" in str(fourth.error)
    assert ints_from_limbs(third.public_inputs) == [3 * 5 * 3 + 7, 3 + 10, 3]
    groth16.verify(key.verifying_key, third.proof, third.public_inputs)


def test_a_file_holds_one_or_many(client, key, tmp_path):
    (tmp_path / "one.json").write_text(json.dumps(inputs(2)))
    (tmp_path / "many.json").write_text(json.dumps([inputs(2), inputs(3), inputs(4)]))
    calculator = WitnessCalculator.open(WASM)
    assert len(client.prove_inputs(key.key_id, calculator, tmp_path / "one.json").results()) == 1
    assert len(client.prove_inputs(key, calculator, str(tmp_path / "many.json")).results()) == 3


def test_nothing_but_bad_items_sends_nothing(client, key):
    errors = client.prove_inputs(key, WASM, [{}, {"x": "?"}]).results(return_exceptions=True)
    assert [type(error) for error in errors] == [BadInput, BadInput]
    with pytest.raises(BadInput, match="at least one"):
        client.prove_inputs(key, WASM, [])


def test_the_deadline_counts_from_the_call(client, key):
    (error,) = client.prove_inputs(key, WASM, [inputs(1)], deadline_s=1e-3).results(return_exceptions=True)
    assert isinstance(error, DeadlineExceeded)


def test_a_calculator_of_another_circuit_is_refused(client, key):
    with pytest.raises(BadInput, match="different circuits"):
        client.prove_inputs(key, VECTORS / "bls12381" / "circuit.wasm", [inputs(1)])
    with pytest.raises(BadInput, match="different circuits"):
        client.prove_inputs(client.circuit("multiply", curve="bn254"), WASM, [inputs(1)])
    with pytest.raises(BadInput, match="no WebAssembly module"):
        client.prove_inputs(key, VECTORS / "bn128" / "circuit.r1cs", [inputs(1)])
