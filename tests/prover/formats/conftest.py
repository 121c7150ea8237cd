"""Files that circom and snarkjs made, see tests/vectors/circom."""

from pathlib import Path

import pytest

from kernels import get_curve

VECTORS = Path(__file__).parents[2] / "vectors" / "circom"


@pytest.fixture(scope="session", params=["bn128", "bls12381"])
def vectors(request):
    return VECTORS / request.param


@pytest.fixture(scope="session")
def curve(vectors):
    return get_curve(vectors.name)
