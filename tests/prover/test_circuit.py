import pickle

import numpy as np
import pytest

from kernels.curves import BN254
from kernels.encoding import ints_from_limbs
from prover.circuit import Circuit
from prover.circuit_builder import CircuitBuilder
from prover.circuits import get_circuit
from prover.errors import BadInput

R = BN254.fr.modulus
SECRET = 987654321987654321


@pytest.fixture(scope="module")
def circuit():
    """A weighted sum: total = sum of weights[i].value * weights[i].factors[0], with weights[0] a bit."""
    builder = CircuitBuilder(BN254)
    total = builder.public_output("total")
    terms = []
    for i in range(2):
        value = builder.private_input(f"weights[{i}].value")
        factor = builder.private_input(f"weights[{i}].factors[0]")
        terms.append(builder.multiply(value, factor, f"weights[{i}].product"))
    builder.assert_boolean(builder.private_input("flag"), "flag is a bit")
    builder.define(total, terms[0] + terms[1], "total")
    return Circuit.from_builder("weights", {}, builder, lambda *_: [], ["weights[0].value", "weights[1].value"])


def inputs(a=3, b=4, flag=1):
    return {"flag": flag, "weights": [{"value": a, "factors": [5]}, {"value": b, "factors": (6,)}]}


def test_nested_and_flat_inputs_are_the_same(circuit):
    flat = {
        "weights[0].value": 3,
        "weights[1].value": 4,
        "weights[0].factors[0]": 5,
        "weights[1].factors": [6],
        "flag": 1,
    }
    witnesses = circuit.witnesses([inputs(), flat])
    assert np.array_equal(witnesses[0], witnesses[1])
    assert witnesses.shape == (2, circuit.r1cs.variables, 4)
    assert witnesses.dtype == np.uint64
    assert witnesses.flags.c_contiguous
    assert ints_from_limbs(witnesses[0])[:2] == [1, 39]


def test_public_inputs_of_one_and_of_a_batch(circuit):
    witnesses = circuit.witnesses([inputs(), inputs(a=2)])
    public = circuit.public_inputs(witnesses)
    assert public.shape == (2, 1, 4)
    assert ints_from_limbs(public) == [39, 34]
    assert np.array_equal(circuit.public_inputs(witnesses[1]), public[1])
    with pytest.raises(BadInput, match="a witness of weights"):
        circuit.public_inputs(witnesses[0, :-1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (inputs() | {"other": SECRET}, "item 1: weights has no input 'other'"),
        ({"flag": 1}, r"item 1: missing weights\[0\].value, weights\[0\].factors"),
        (inputs(a=-SECRET), r"item 1: weights\[0\].value must be an integer in 0 ... r - 1"),
        (inputs(b=R), r"item 1: weights\[1\].value must be an integer"),
        (inputs(b=R + SECRET), r"item 1: weights\[1\].value must be an integer"),
        (inputs(b=1.5), r"item 1: weights\[1\].value must be an integer"),
        (inputs(b=str(SECRET)), r"item 1: weights\[1\].value must be an integer"),
        (inputs(b=None), r"item 1: weights\[1\].value must be an integer"),
        (inputs(flag=SECRET), r"item 1: the inputs contradict constraint 2 \(flag is a bit\)"),
        (inputs() | {"total": SECRET}, "item 1: total is not what the circuit computes"),
        (inputs(a=SECRET, b=SECRET), r"item 1: weights\[1\].value equals weights\[0\].value"),
    ],
)
def test_wrong_inputs_are_named_without_values(circuit, wrong, message):
    with pytest.raises(BadInput, match=message) as caught:
        circuit.witnesses([inputs(), wrong, inputs()])
    assert str(SECRET) not in str(caught.value)
    assert str(R) not in str(caught.value)


def test_a_stated_output_is_compared(circuit):
    circuit.witnesses([inputs() | {"total": 39}])


def test_an_empty_batch_is_refused(circuit):
    with pytest.raises(BadInput, match="at least one"):
        circuit.witnesses([])


def test_survives_pickling():
    circuit = get_circuit("multiply", BN254)
    copy = pickle.loads(pickle.dumps(circuit))  # noqa: S301 - what it just wrote
    assert np.array_equal(copy.random_witnesses(2, seed=3), circuit.random_witnesses(2, seed=3))
