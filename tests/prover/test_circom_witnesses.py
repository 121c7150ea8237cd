"""Witnesses of circuits that circom compiles here, beside those of circom's own script and of snarkjs."""

import json

import pytest

from prover.errors import BadInput
from prover.formats import read_wtns
from prover.witness_calculator import WitnessCalculator
from tests.npm_tools import compile_circom, run_node, snarkjs

SOURCE = """pragma circom 2.2.0;
include "circomlib/circuits/poseidon.circom";
include "circomlib/circuits/bitify.circom";

bus Point() { signal x; signal y; }

template Limited() { signal input in; assert(in != 99); signal output out; out <== in * in; }

template Example() {
    signal input matrix[3][2];
    signal input sign;
    input Point() points[2];
    signal output hash;
    signal output bits[4];
    log("the sign is", sign);
    component limited = Limited();
    limited.in <== sign;
    component poseidon = Poseidon(3);
    poseidon.inputs[0] <== matrix[0][0] * matrix[0][1] + limited.out;
    poseidon.inputs[1] <== points[0].x * points[1].y;
    poseidon.inputs[2] <== matrix[1][0] - matrix[2][1];
    hash <== poseidon.out;
    component split = Num2Bits(4);
    split.in <== matrix[1][1];
    bits <== split.out;
}
component main = Example();
"""
NO_INPUTS = """pragma circom 2.0.0;
template Constant() { signal output o[2]; o[0] <== 7; o[1] <== 9; }
component main = Constant();
"""
INPUTS = {
    "matrix": [["0x10", "2"], ["-3", "11"], ["5", "123456789012345678901234567890"]],
    "sign": -4,
    "points": [{"x": 1, "y": "2"}, {"x": "0xABCDEF", "y": 4}],
}


@pytest.fixture(scope="module", params=["bn128", "bls12381"])
def compiled(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "example.circom").write_text(SOURCE, encoding="utf-8")
    # circomlib's Poseidon has the constants of BN254; over another field it is another function, which is all the same.
    compile_circom(folder / "example.circom", folder, request.param)
    return folder


@pytest.fixture(scope="module")
def calculator(compiled):
    return WitnessCalculator.open(compiled / "example_js" / "example.wasm")


@pytest.mark.parametrize("program", ["circom", "snarkjs"])
def test_arrays_buses_and_signs_give_the_same_witness(compiled, calculator, program):
    points = INPUTS["points"] if program == "circom" else [1, 2, "0xABCDEF", 4]  # snarkjs takes a bus as an array
    inputs = INPUTS | {"points": points}
    (compiled / "input.json").write_text(json.dumps(inputs), encoding="utf-8")
    arguments = ("example_js/example.wasm", "input.json", "witness.wtns")
    if program == "circom":
        run_node(compiled / "example_js" / "generate_witness.js", *arguments, cwd=compiled)
    else:
        snarkjs("wtns", "calculate", *arguments, cwd=compiled)
    theirs = read_wtns(compiled / "witness.wtns")
    assert theirs.curve is calculator.curve
    assert theirs.witness.tolist() == calculator.witness(inputs).tolist() == calculator.witness(INPUTS).tolist()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"matrix": [[1, 2], [3, 4]]}, "input matrix takes 6 values, not 4"),
        ({"matrix": [[1, 2], [3, 16], [5, 6]]}, r"does not hold \(Error in template Num2Bits_\d+ line: \d+; .*Example"),
        ({"sign": 99}, r"does not hold \(Error in template Limited_\d+ line: 7"),
        ({"points": [{"x": 1, "y": 2}]}, r"hold 9 of 11 values .* missing: points\[1\]\.x .*points\[1\]\.y"),
        ({"points": [{"x": 1}, {"x": 1}]}, r"hold 9 of 11 values .* missing: points\[0\]\.y .*points\[1\]\.y"),
        ({"points": [{"x": 1, "y": 2, "z": 3}, {"x": 1, "y": 1}]}, r"no input signal 'points\[0\]\.z'"),
        ({"sing": 1}, "no input signal 'sing'"),
    ],
)
def test_what_is_wrong_is_named(calculator, change, match):
    with pytest.raises(BadInput, match=match):
        calculator.witness({**INPUTS, **change})


def test_a_circuit_without_inputs(tmp_path):
    (tmp_path / "constant.circom").write_text(NO_INPUTS, encoding="utf-8")
    compile_circom(tmp_path / "constant.circom", tmp_path)
    calculator = WitnessCalculator.open(tmp_path / "constant_js" / "constant.wasm")
    assert calculator.witness({})[:, 0].tolist()[:3] == [1, 7, 9]


def test_output_of_log_reaches_nobody(calculator, capfd):
    calculator.witness({**INPUTS, "sign": 31337})
    assert "31337" not in "".join(capfd.readouterr())
