import pytest

from kernels.backend import Interrupted
from prover.errors import Cancelled
from prover.groth16.phases import Phase, run_phase


def test_an_interrupted_kernel_becomes_cancelled():
    with pytest.raises(Cancelled, match="msm_a"), run_phase(Phase.MSM_A, None, None):
        raise Interrupted


def test_a_failed_phase_is_not_reported():
    seen = []
    with pytest.raises(ZeroDivisionError), run_phase(Phase.MSM_A, lambda *event: seen.append(event), None):
        raise ZeroDivisionError
    assert seen == []


def test_nothing_runs_after_a_stop():
    with pytest.raises(Cancelled), run_phase(Phase.VERIFY, None, lambda: True):
        pytest.fail("the phase ran")
