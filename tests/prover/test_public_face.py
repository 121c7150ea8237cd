import subprocess
import sys
from pathlib import Path

import pytest

import prover


@pytest.mark.parametrize("name", prover.__all__)
def test_every_public_name_resolves(name):
    assert getattr(prover, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = prover.nonsense


def test_importing_the_errors_does_not_load_numba():
    program = "import sys, prover; assert 'numba' not in sys.modules, 'numba was loaded'"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
