import numpy as np
import pytest

from kernels import get_backend
from kernels.curves import BLS12_381, BN254
from kernels.encoding import ints_from_limbs
from prover.circuits import get_circuit
from prover.errors import BadInput, UnsatisfiedConstraint

CURVES = pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)


@CURVES
def test_one_constraint_with_a_public_product(curve):
    circuit, r = get_circuit("multiply", curve), curve.fr.modulus
    assert circuit.r1cs.constraints == 1
    assert circuit.signals == ("one", "c", "a", "b")
    pairs = [(3, 5), (0, 7), (r - 1, r - 1), (r // 2, 3)]
    witnesses = circuit.witnesses([{"a": a, "b": b} for a, b in pairs])
    for (a, b), witness in zip(pairs, witnesses, strict=True):
        assert ints_from_limbs(witness) == [1, a * b % r, a, b]
        assert ints_from_limbs(circuit.public_inputs(witness)) == [a * b % r]
        circuit.r1cs.check(witness)


def test_a_wrong_product_is_refused_twice():
    circuit = get_circuit("multiply", BN254)
    with pytest.raises(BadInput, match="item 1: c is not what the circuit computes"):
        circuit.witnesses([{"a": 3, "b": 5, "c": 15}, {"a": 3, "b": 5, "c": 16}])
    witness = circuit.witnesses([{"a": 3, "b": 5}])[0]
    witness[1, 0] += np.uint64(1)
    for backend in (None, get_backend("portable")):
        with pytest.raises(UnsatisfiedConstraint, match=r"constraint 0 \(product\)"):
            circuit.r1cs.check(witness, backend)


@CURVES
def test_random_witnesses_are_distinct_and_reproducible(curve):
    circuit = get_circuit("multiply", curve)
    witnesses = circuit.random_witnesses(50, seed=1)
    assert circuit.r1cs.check_batch(witnesses) == [None] * 50
    assert len({witness.tobytes() for witness in witnesses}) == 50
    assert np.array_equal(witnesses, circuit.random_witnesses(50, seed=1))
