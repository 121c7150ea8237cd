import doctest
import threading

import pytest

import prover.circuit_builder
import prover.circuits
import prover.circuits.poseidon
import prover.linear_combination
from kernels.curves import BN254
from prover.circuits import get_circuit
from prover.errors import BadInput


def test_a_circuit_is_built_once_however_it_is_asked_for():
    found = []

    def ask(curve):
        found.append(get_circuit("ringct", curve, outputs=1, inputs=2, depth=4))

    threads = [threading.Thread(target=ask, args=(curve,)) for curve in ("bn254", "bn128", "ALT_BN128", BN254) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
    assert found[0] is not get_circuit("ringct", "bls12-381", depth=4, inputs=2, outputs=1)


@pytest.mark.parametrize(
    ("name", "curve", "parameters", "message"),
    [
        ("addition", "bn254", {}, "no circuit is named 'addition'; there are multiply, ringct"),
        ("multiply", "secp256k1", {}, "unknown curve 'secp256k1'"),
        ("multiply", "bn254", {"depth": 3}, "multiply takes no parameters; given: depth"),
        ("ringct", "bn254", {}, "ringct takes depth, inputs, outputs; given: none"),
        ("ringct", "bn254", {"depth": 3, "inputs": 2}, "takes depth, inputs, outputs"),
        ("ringct", "bn254", {"depth": 3, "inputs": 2, "outputs": 2, "rings": 1}, "takes depth, inputs, outputs"),
        ("ringct", "bn254", {"depth": 0, "inputs": 2, "outputs": 2}, "depth must be an integer in 1 ... 32, not 0"),
        ("ringct", "bn254", {"depth": 33, "inputs": 2, "outputs": 2}, "depth must be"),
        ("ringct", "bn254", {"depth": 3, "inputs": 17, "outputs": 2}, "inputs must be an integer in 1 ... 16"),
        ("ringct", "bn254", {"depth": 3, "inputs": 2, "outputs": 0}, "outputs must be an integer in 1 ... 16"),
        ("ringct", "bn254", {"depth": 3.0, "inputs": 2, "outputs": 2}, "not 3.0"),
        ("ringct", "bn254", {"depth": True, "inputs": 2, "outputs": 2}, "not True"),
        ("ringct", "bn254", {"depth": "3", "inputs": 2, "outputs": 2}, "not '3'"),
    ],
)
def test_wrong_requests_say_what_is_allowed(name, curve, parameters, message):
    with pytest.raises(BadInput) as caught:
        get_circuit(name, curve, **parameters)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "module",
    [prover.circuit_builder, prover.circuits, prover.circuits.poseidon, prover.linear_combination],
    ids=lambda module: module.__name__,
)
def test_examples_run(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
