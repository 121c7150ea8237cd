import pytest

from benchmarks.gpu.cards import CARDS
from benchmarks.gpu.machine_code import find_nvdisasm
from benchmarks.gpu.model import Cost, msm, ntt, proofs, sizes_of
from kernels.cuda.msm_plan import plan_msm
from prover.circuits import get_circuit

H100 = CARDS[0]
pytestmark = pytest.mark.skipif(find_nvdisasm() is None, reason="nvdisasm comes with the dev extra on Linux")


def test_a_pipe_limits_a_cost():
    assert Cost(320, 0).cycles == 10
    assert Cost(0, 640).cycles == 10
    assert Cost(320, 960).cycles == 15


def test_more_points_take_longer_and_larger_cards_less():
    times = [msm(H100, 1 << k).seconds for k in range(10, 25, 2)]
    assert times == sorted(times)
    assert msm(H100, 1 << 24).seconds < msm(CARDS[2], 1 << 24).seconds
    assert ntt(H100, 20).seconds < ntt(H100, 24).seconds
    assert msm(H100, 1 << 20).seconds < msm(H100, 1 << 20, group="g2").seconds


def test_what_limits_what():
    assert msm(H100, 1 << 10).bound == "latency"
    assert msm(H100, 1 << 22).bound == "arithmetic"


def test_floors_are_near_those_of_the_arithmetic_alone():
    # 2^20 points in 16 windows, 10 products of 276 wide multiply-adds each, less what two squares save.
    alone = 16 * 2**20 * (8 * 276 + 2 * 208) / 32 / (132 * 1.755e9)
    plan = plan_msm(1 << 20, 255, 1)
    accumulate = next(step for step in msm(H100, 1 << 20, plan=plan).steps if step.kernel == "accumulate")
    assert accumulate.arithmetic_s == pytest.approx(alone * plan.windows / 16, rel=0.05)


def test_a_batch_costs_less_than_as_many_proofs():
    ringct = sizes_of(get_circuit("ringct", "bls12_381", depth=3, inputs=2, outputs=2).r1cs)
    assert ringct.domain_log2 == 12
    assert proofs(H100, ringct, 1000).seconds < 1000 * proofs(H100, ringct, 1).seconds / 5
