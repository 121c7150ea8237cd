"""Proofs made in rows are those made one by one."""

import numpy as np
import pytest

from kernels import get_backend
from kernels.cpu.features import has_ifma
from prover import groth16
from prover.circuits import get_circuit
from prover.errors import BadInput, Cancelled, UnsatisfiedConstraint
from prover.groth16.prove import prove_unverified
from prover.groth16.prove_rows import prove_rows
from tests.prover.groth16.conftest import SeededRandomness, cubic_system, cubic_witness


@pytest.fixture(params=["portable", "ifma"])
def backend(request):
    if request.param == "ifma" and not has_ifma():
        pytest.skip("this CPU has no IFMA")
    return get_backend(request.param)


@pytest.mark.parametrize("circuit", ["cubic", "multiply"])
def test_rows_are_the_proofs_of_the_same_blinding(curve, backend, circuit):
    if circuit == "multiply":
        multiply = get_circuit("multiply", curve)
        r1cs, witnesses = multiply.r1cs, multiply.random_witnesses(9, seed=2)
    else:
        r1cs, witnesses = cubic_system(curve), np.stack([cubic_witness(curve, x) for x in range(9)])
    pk = groth16.setup(r1cs, curve, SeededRandomness(1), backend)
    rows = prove_rows(pk, witnesses, backend, SeededRandomness(7))
    rng = SeededRandomness(7)
    assert rows == [prove_unverified(pk, witness, backend, rng) for witness in witnesses]
    statements = [witness[1 : r1cs.public + 1] for witness in witnesses]
    groth16.verify_batch(pk.verifying_key, rows, statements, backend)


def test_a_bad_row_has_its_own_error(curve, backend):
    r1cs = cubic_system(curve)
    pk = groth16.setup(r1cs, curve, SeededRandomness(1), backend)
    witnesses = np.stack([cubic_witness(curve, x) for x in range(5)])
    witnesses[1, 4, 0] += np.uint64(1)
    witnesses[2, 3] = np.iinfo(np.uint64).max
    witnesses[4, 0, 0] = 2
    outcomes = prove_rows(pk, witnesses, backend, should_stop=lambda row: row == 3)
    assert isinstance(outcomes[1], UnsatisfiedConstraint)
    assert "square" in str(outcomes[1])
    assert isinstance(outcomes[2], BadInput)
    assert isinstance(outcomes[3], Cancelled)
    assert isinstance(outcomes[4], BadInput)
    groth16.verify(pk.verifying_key, outcomes[0], witnesses[0, 1:3], backend)
