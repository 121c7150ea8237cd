"""Batches of one key on the emulated device: verified proofs, each item's own error, and the CPU where it fails."""

import dataclasses
import logging

import numpy as np
import pytest

from kernels import get_curve
from kernels.cuda.backend import CudaBackend
from kernels.cuda.dispatch import DispatchingBackend
from kernels.cuda.memory_plan import Chunks
from kernels.selection import cpu_backend
from prover import Cancelled, DeviceFault, ParallelProver, UnsatisfiedConstraint, groth16
from prover.errors import BadInput
from prover.groth16.phases import Phase
from prover.groth16.proof import Proof
from prover.groth16.prove_on_device import prove_on_device
from prover.parallel import ProverConfig
from prover.pool import ProverPool
from tests.cuda_emulator import Corruption, EmulatedDevice, Faults
from tests.prover.groth16.conftest import cubic_system, cubic_witness

CPU = cpu_backend()


@pytest.fixture
def curve(request):
    return get_curve(getattr(request, "param", "bn254"))


BOTH_CURVES = pytest.mark.parametrize("curve", ["bls12_381", "bn254"], indirect=True)


@pytest.fixture
def key(curve):
    return groth16.setup(cubic_system(curve), curve, backend=CPU, circuit="cubic", parameters={})


@pytest.fixture
def witnesses(curve):
    return np.stack([cubic_witness(curve, x) for x in (3, 0, 5, 2**200)])


@pytest.fixture
def pool():
    with ProverPool(2) as pool:
        yield pool


@pytest.fixture
def open_device(monkeypatch):
    """Backends on emulated devices; the device's self-test has tests of its own."""
    opened = []
    monkeypatch.setattr("kernels.cuda.dispatch.self_test", lambda *_: None)

    def of(*, strict=False, **options):
        devices = []

        def device():
            devices.append(EmulatedDevice(**options))
            return devices[-1]

        cuda = CudaBackend(device, CPU, staging_bytes=1 << 12)
        opened.append((cuda, devices))
        return cuda if strict else DispatchingBackend(cuda, CPU, measure=lambda *_: 1)

    yield of
    for cuda, devices in opened:
        cuda.close()
        assert not [report for device in devices for report in device.reports]


def batch(key, witnesses, backend, pool, **options):
    return ParallelProver(key, ProverConfig(backend=backend), pool).prove_batch(witnesses, **options)


def warnings(caplog):
    return [r.message for r in caplog.records if r.levelno >= logging.WARNING and "development" not in r.message]


@BOTH_CURVES
@pytest.mark.parametrize("seed", [0, 1])
def test_verified_proofs_under_every_check(key, witnesses, open_device, pool, seed, caplog):
    backend = open_device(seed=seed)
    for _ in range(2):  # the second time from what is resident
        assert len(batch(key, witnesses, backend, pool).proofs) == len(witnesses)
    assert backend.health().state == "healthy"
    assert backend.health().fallbacks == 0
    assert not warnings(caplog)


@BOTH_CURVES
def test_they_are_the_proofs_of_the_cpu(key, witnesses, open_device):
    class Counting:
        def __init__(self):
            self.value = 10**9

        def randbelow(self, bound):
            self.value += 1
            return self.value % bound

    made = prove_on_device(key, witnesses, open_device(checked=False), Counting())
    same = Counting()
    for witness, proof in zip(witnesses, made, strict=True):
        assert proof.to_bytes() == groth16.prove(key, witness, CPU, same).to_bytes()


def test_bad_items_fail_alone(key, witnesses, open_device, pool):
    witnesses = witnesses.copy()
    witnesses[1, 4, 0] ^= 1
    witnesses[2, 3] = 2**64 - 1
    result = batch(key, witnesses, open_device(checked=False), pool)
    assert len(result.proofs) == 2
    assert isinstance(result.errors[1], UnsatisfiedConstraint)
    assert result.errors[1].index == 0
    assert result.errors[1].name == "square"
    assert isinstance(result.errors[2], BadInput)


def test_cancelled_items_are_left_out(key, witnesses, open_device, pool):
    backend = open_device(checked=False)
    result = batch(key, witnesses, backend, pool, should_stop=lambda index: index == 2)
    assert len(result.proofs) == 3
    assert isinstance(result.errors[2], Cancelled)


def test_a_batch_cancelled_in_its_middle_ends(key, witnesses, open_device, pool):
    phases = []
    result = batch(
        key, witnesses, open_device(checked=False), pool,
        should_stop=lambda _: Phase.WITNESS_MAP in phases, on_phase=lambda _, phase, __: phases.append(phase),
    )  # fmt: skip
    assert [type(error) for error in result.errors.values()] == [Cancelled] * 4
    assert Phase.MSM_C not in phases


def test_parts_when_memory_is_short(key, witnesses, open_device, pool):
    backend = open_device(checked=False, memory_bytes=420 << 10)
    assert len(batch(key, np.tile(witnesses, (4, 1, 1)), backend, pool).proofs) == 16
    assert backend.health().fallbacks == 0


def test_a_part_goes_up_while_the_one_before_is_computed(key, witnesses, open_device, monkeypatch):
    monkeypatch.setattr("prover.groth16.prove_on_device.plan_chunks", lambda *_: Chunks(6, 1, 0))
    backend = open_device(strict=True, seed=1)
    many = list(np.tile(witnesses, (5, 1, 1)))
    assert all(isinstance(made, Proof) for made in prove_on_device(key, many, backend))
    order = backend.run_on_device(lambda work: work.device.queues.order)
    first = len(order.labels)  # from here on what the key needs is on the device
    assert all(isinstance(made, Proof) for made in prove_on_device(key, many, backend))
    new = range(first, len(order.labels))
    copies = [op for op in new if order.labels[op].startswith("upload") and order.stream_of(op) == 1]
    ends = [op for op in new if order.labels[op] == "kernel multiply_points"]
    assert len(ends) == 4  # one a part
    idle = 0
    for copy in copies:
        done = max([first, *(end for end in ends if end < copy)])  # the host has waited for the parts up to there
        running = [op for op in range(done + 1, copy) if order.labels[op].startswith("kernel")]
        idle += not running
        assert not any(order.before(kernel, copy) for kernel in running[-1:])  # some may be known to have ended
    assert 0 < idle == len(copies) - (len(ends) - 1) * idle  # the first part has nothing to go beside


@pytest.mark.parametrize("at", [1, 9, 17, 40, 77])
def test_one_failed_allocation_costs_nothing(key, witnesses, open_device, pool, at):
    backend = open_device(checked=False, faults=Faults(out_of_memory_at=frozenset({at})))
    assert len(batch(key, witnesses, backend, pool).proofs) == 4
    assert backend.health().fallbacks == 0


@pytest.mark.parametrize(
    "faults",
    [Faults(out_of_memory_at=frozenset(range(9, 9999))), Faults(lost_at_operation=60), Faults(lost_at_call=150)],
    ids=["memory", "operation", "call"],
)
def test_the_cpu_proves_what_the_device_fails(key, witnesses, open_device, pool, faults, caplog):
    backend = open_device(checked=False, faults=faults)
    assert len(batch(key, witnesses, backend, pool).proofs) == 4
    assert backend.health().fallbacks > 0
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize(("kernel", "argument"), [("sum_rows", 3), ("transform_up", 0), ("multiply_points", 4)])
def test_a_wrong_point_is_caught_proved_again_and_the_device_quarantined(
    key, witnesses, open_device, pool, kernel, argument
):
    faults = Faults(corruptions=(Corruption(kernel, argument=argument, byte=5, mask=16),))
    backend = open_device(checked=False, faults=faults)
    result = batch(key, witnesses, backend, pool)
    assert len(result.proofs) == 4
    assert backend.health().state == "quarantined"
    assert backend.health().wrong_results >= 1
    groth16.verify_batch(key.verifying_key, result.proofs, [item.public_inputs for item in result.items], CPU)


@pytest.mark.parametrize(
    "options",
    [{"faults": Faults(lost_at_operation=60)}, {"memory_bytes": 10 << 10}],
    ids=["lost", "memory"],
)
def test_a_strict_backend_ends_in_typed_errors(key, witnesses, open_device, pool, options, caplog):
    backend = open_device(strict=True, checked=False, **options)
    result = batch(key, witnesses, backend, pool)
    assert not result.proofs
    assert [type(error) for error in result.errors.values()] == [DeviceFault] * 4
    assert not [record for record in caplog.records if record.exc_info]


def test_single_proofs_go_through_the_device_too(key, witnesses, open_device):
    backend = open_device(checked=False)
    proof = groth16.prove(key, witnesses[0], backend)
    groth16.verify(key.verifying_key, proof, witnesses[0][1:3], CPU)


def test_a_key_without_the_matrix_c_blames_the_witness_and_not_the_device(key, witnesses, open_device, pool):
    """As a ``.zkey`` gives it: a wrong witness is seen only by its proof, and must not cost the service its device."""
    backend = open_device()
    without = dataclasses.replace(key, r1cs=dataclasses.replace(key.r1cs, c=None))
    wrong = witnesses.copy()
    wrong[1, 3, 0] += 1
    result = batch(without, wrong, backend, pool)
    assert set(result.errors) == {1}
    assert type(result.errors[1]) is BadInput
    assert "does not satisfy the key's circuit" in str(result.errors[1])
    assert backend.health().state == "healthy"
    with pytest.raises(BadInput, match="does not satisfy the key's circuit"):
        groth16.prove(without, wrong[1], backend)
    assert backend.health().state == "healthy"


@pytest.mark.parametrize("count", [1, 4])
def test_the_device_memory_of_a_proof_is_told(key, witnesses, open_device, pool, count):
    backend = open_device(checked=False)
    taken = []
    prove_on_device(key, witnesses[:count], backend, on_memory=taken.append)
    elements_bytes = 32 * (key.r1cs.variables + 4 * key.domain_size)
    assert elements_bytes <= taken[0] < backend.health().work_bytes
    items = batch(key, witnesses[:count], backend, pool).items
    assert {item.device_bytes for item in items} == set(taken)


def test_proofs_made_without_a_device_take_none_of_its_memory(key, witnesses, pool):
    assert {item.device_bytes for item in batch(key, witnesses, CPU, pool).items} == {0}
