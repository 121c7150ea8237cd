"""A small key of each kind, shared by the tests of the prover."""

import pytest

from kernels import get_backend
from prover import groth16
from prover.circuits import get_circuit


@pytest.fixture(scope="session")
def multiply():
    return get_circuit("multiply", "bls12_381")


@pytest.fixture(scope="session")
def multiply_key(multiply):
    return groth16.setup(
        multiply.r1cs, multiply.curve, backend=get_backend("portable"), circuit="multiply", parameters={}
    )
