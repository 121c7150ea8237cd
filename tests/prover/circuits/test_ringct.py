import random

import numpy as np
import pytest

from kernels import get_backend
from kernels.curves import BLS12_381, BN254
from kernels.encoding import ints_from_limbs, ints_from_montgomery
from prover.circuits import get_circuit
from prover.circuits.commitment import commitment, key_image, public_key
from prover.circuits.ringct import random_inputs, transaction
from prover.errors import BadInput

CURVES = pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)


def ringct(curve, depth=3, inputs=2, outputs=2):
    return get_circuit("ringct", curve, depth=depth, inputs=inputs, outputs=outputs)


@CURVES
@pytest.mark.parametrize(("depth", "inputs", "outputs"), [(3, 2, 2), (1, 1, 1), (2, 3, 1), (20, 2, 2)])
def test_random_witnesses_satisfy_and_differ(curve, depth, inputs, outputs):
    circuit = ringct(curve, depth, inputs, outputs)
    witnesses = circuit.random_witnesses(3, seed=5)
    assert circuit.r1cs.check_batch(witnesses, get_backend("portable")) == [None] * 3
    assert len({witness.tobytes() for witness in witnesses}) == 3
    assert np.array_equal(witnesses, circuit.random_witnesses(3, seed=5))
    assert not np.array_equal(witnesses, circuit.random_witnesses(3))


@CURVES
def test_both_checks_accept(curve):
    circuit = ringct(curve)
    circuit.r1cs.check(circuit.random_witnesses(1, seed=1)[0])


def test_constraint_counts():
    assert ringct(BLS12_381).r1cs.constraints == ringct(BN254).r1cs.constraints == 3735
    assert ringct(BLS12_381, depth=20).r1cs.constraints == 3735 + 2 * 17 * 242


@CURVES
def test_public_signals_and_their_values(curve):
    circuit = ringct(curve)
    names = ["root", "key_images[0]", "key_images[1]", "commitments[0]", "commitments[1]", "fee", "message"]
    assert circuit.signals[: circuit.r1cs.public + 1] == ("one", *names)
    (inputs,) = random_inputs(curve, depth=3, inputs=2, outputs=2, batch=1, rng=random.Random(3))
    images = []
    for coin in inputs["inputs"]:
        leaf = commitment(curve, coin["value"], coin["blinding"], public_key(curve, coin["secret_key"]))
        images.append(key_image(curve, coin["secret_key"], leaf))
    made = [commitment(curve, out["value"], out["blinding"], out["owner"]) for out in inputs["outputs"]]
    witnesses = circuit.witnesses([inputs | {"key_images": images, "commitments": made}])
    public = ints_from_limbs(circuit.public_inputs(witnesses[0]))
    assert public == [inputs["root"], *images, *made, inputs["fee"], inputs["message"]]


@pytest.mark.parametrize("amount", [0, (1 << 64) - 1])
def test_extreme_amounts_are_accepted(amount):
    circuit = ringct(BN254)
    inputs = transaction(BN254, 3, [amount, 0], [0, amount], 0, random.Random(1))
    fees = transaction(BN254, 3, [amount, 0], [0, 0], amount, random.Random(1))
    circuit.witnesses([inputs, fees])


def test_shows_what_it_is_and_no_more():
    circuit = ringct(BN254)
    assert repr(circuit) == "Circuit(ringct, bn254, depth=3, inputs=2, outputs=2; 3735 constraints)"
    assert repr(circuit.r1cs) == "R1CS(bn254; 3735 constraints, 3749 variables)"


def test_names_are_unique():
    circuit = ringct(BN254)
    assert len(set(circuit.signals)) == len(circuit.signals) == circuit.r1cs.variables
    assert len(set(circuit.r1cs.constraint_names)) == circuit.r1cs.constraints


def test_more_inputs_than_coins_are_refused():
    with pytest.raises(BadInput, match="too few for 5 inputs"):
        ringct(BN254, depth=2, inputs=5, outputs=1)


@CURVES
def test_no_single_variable_can_be_changed(curve):
    """Perturb every variable of an honest witness by itself; a constraint that reads it must fail."""
    circuit, r = ringct(curve), curve.fr.modulus
    r1cs = circuit.r1cs
    values = ints_from_limbs(circuit.random_witnesses(1, seed=11)[0])
    columns = [{} for _ in range(r1cs.variables)]  # variable -> row -> its coefficients in A, B, C
    products = [[0, 0, 0] for _ in range(r1cs.constraints)]
    for which, matrix in enumerate((r1cs.a, r1cs.b, r1cs.c)):
        coefficients = ints_from_montgomery(curve.fr, matrix.coefficients)
        for row in range(matrix.rows):
            for entry in range(matrix.indptr[row], matrix.indptr[row + 1]):
                variable = matrix.indices[entry]
                columns[variable].setdefault(row, [0, 0, 0])[which] = coefficients[entry]
                products[row][which] += coefficients[entry] * values[variable]
    for variable in range(1, r1cs.variables):
        for delta in (1, r - 1, 12345):
            assert any(
                ((products[row][0] + a * delta) * (products[row][1] + b * delta) - products[row][2] - c * delta) % r
                for row, (a, b, c) in columns[variable].items()
            ), circuit.signals[variable]
