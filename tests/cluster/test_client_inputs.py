"""Inputs of a circom circuit, proven by a real service."""

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cluster import cli
from fastpath.errors import DeadlineExceeded
from kernels.encoding import ints_from_limbs
from prover import BadInput, groth16, save_key
from prover.formats import proof_from_json, read_r1cs
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
    (tmp_path / "one.json").write_text(json.dumps(inputs(2)), encoding="utf-8")
    (tmp_path / "many.json").write_text(json.dumps([inputs(2), inputs(3), inputs(4)]), encoding="utf-8")
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


def test_inputs_take_every_option_of_a_batch(client, key):
    options = {"tenant": "blue", "priority": 9, "submitter": "tests", "retry_for_s": 1.0, "deadline_s": 300.0}
    options |= {"conflict_keys": [["pool"]] * 2, "idempotency_key": "inputs 1"}
    first = client.prove_inputs(key, WASM, [inputs(1), inputs(2)], **options)
    assert client.prove_inputs(key, WASM, [inputs(1), inputs(2)], **options).batch_id == first.batch_id
    status = first.status()
    assert (status.tenant, status.submitter) == ("blue", "tests")
    assert [job.index for job in first.as_completed()] == [0, 1]
    with pytest.raises(BadInput, match="one for each"):
        client.prove_inputs(key, WASM, [inputs(1)], conflict_keys=[])
    with pytest.raises(TypeError, match="no option 'deadline'"):
        client.prove_inputs(key, WASM, [inputs(1)], deadline=3.0)


def test_a_calculator_of_another_circuit_is_refused(client, key):
    with pytest.raises(BadInput, match="different circuits"):
        client.prove_inputs(key, VECTORS / "bls12381" / "circuit.wasm", [inputs(1)])
    with pytest.raises(BadInput, match="different circuits"):
        client.prove_inputs(client.circuit("multiply", curve="bn254"), WASM, [inputs(1)])
    with pytest.raises(BadInput, match="no WebAssembly module"):
        client.prove_inputs(key, VECTORS / "bn128" / "circuit.r1cs", [inputs(1)])


@pytest.fixture
def submit(client, monkeypatch, capsys):
    """Run ``submit`` on the service of this process; give its exit code and its JSON."""

    @contextlib.contextmanager
    def connected(**_):
        yield client

    monkeypatch.setattr("cluster.commands.submit.Client", SimpleNamespace(connect=connected))

    def submit(*arguments):
        code = cli.main(["submit", "--json", *map(str, arguments)])
        return code, json.loads(capsys.readouterr().out)

    return submit


def test_submit_proves_inputs_and_writes_files_for_snarkjs(key, submit, tmp_path):
    (tmp_path / "inputs.json").write_text(json.dumps([inputs(1), {"x": 1}, inputs(3)]), encoding="utf-8")
    out = tmp_path / "out"
    code, document = submit(
        *("--key", key.key_id, "--wasm", WASM, "--input-json", tmp_path / "inputs.json"),
        *("--out", out, "--format", "snarkjs"),
    )
    assert (code, document["proofs"], document["verified"], document["key_id"]) == (1, 2, 2, key.key_id)
    assert [error["item"] for error in document["errors"]] == [1]
    assert sorted(path.name for path in out.iterdir()) == [
        *("000000.proof.json", "000000.public.json"),
        *("000002.proof.json", "000002.public.json"),
    ]
    public = json.loads((out / "000002.public.json").read_text(encoding="utf-8"))
    assert public == ["52", "13", "3"]
    proof = proof_from_json(json.loads((out / "000002.proof.json").read_text(encoding="utf-8")))
    groth16.verify(key.verifying_key, proof, [int(value) for value in public])


def test_submit_proves_witness_files(key, submit, tmp_path):
    wtns = VECTORS / "bn128" / "witness.wtns"
    np.save(tmp_path / "two.npy", WitnessCalculator.open(WASM).witnesses([inputs(8), inputs(9)]))
    code, document = submit("--key", key.key_id, "--witnesses", wtns, tmp_path / "two.npy", wtns)
    assert (code, document["proofs"], document["verified"]) == (0, 4, 4)
    other = VECTORS / "bls12381" / "witness.wtns"
    code, document = submit("--key", key.key_id, "--witnesses", wtns, other)
    assert (code, document["error"]["code"]) == (2, "bad_input")
    assert "over bls12_381, the key is for 7 over bn254" in document["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "either --circuit NAME"),
        (("--circuit", "multiply", "--key", "k", "--batch", "1"), "either --circuit NAME"),
        (("--key", "k"), "either --batch N"),
        (("--key", "k", "--witnesses", "w.npy", "--input-json", "i.json", "--wasm", "w.wasm"), "either --batch N"),
        (("--key", "k", "--batch", "1"), "--batch N is for built-in circuits"),
        (("--key", "k", "--input-json", "i.json"), "go together"),
        (("--key", "k", "--witnesses", "w.npy", "--wasm", "w.wasm"), "go together"),
        (("--circuit", "multiply", "--input-json", "i.json", "--wasm", "w.wasm"), "say --key"),
        (("--key", "0" * 64, "--witnesses", "w.npy"), "no key"),
    ],
)
def test_submit_wants_a_key_and_witnesses_from_one_place_each(submit, arguments, why):
    code, document = submit(*arguments)
    assert code == 2
    assert why in document["error"]["message"]
