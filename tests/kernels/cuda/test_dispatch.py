"""What goes wrong on a device: the work ends on the CPU with one line in the log, or with a typed error."""

import logging

import numpy as np
import pytest

from kernels import BN254, limbs_from_ints
from kernels.cuda.backend import CudaBackend
from kernels.cuda.break_even import NEVER, Timing, break_even
from kernels.cuda.device import DeviceError, DeviceFaultError, DeviceOutOfMemoryError
from kernels.cuda.device_backend import DeviceBackend, trusted_backend
from kernels.cuda.dispatch import DispatchingBackend
from kernels.cuda.nvrtc import NvrtcError
from kernels.cuda.self_test import SelfTestError, self_test
from kernels.selection import cpu_backend
from tests.cuda_emulator import Corruption, Faults

CPU = cpu_backend()
N = 12


@pytest.fixture
def points():
    generator = np.array(BN254_GENERATOR())
    return CPU.multiply_base(BN254, "g1", generator, limbs_from_ints(range(1, N + 1), 4))


def BN254_GENERATOR():  # noqa: N802 - a constant that needs the package loaded
    from kernels import points_from_ints

    return points_from_ints(BN254, "g1", [BN254.g1_generator])[0]


@pytest.fixture
def scalars():
    return limbs_from_ints([3**k % BN254.fr.modulus for k in range(200, 200 + N)], 4)


@pytest.fixture
def expected(points, scalars):
    return CPU.msm(CPU.load_bases(BN254, "g1", points), scalars)


def dispatching(backend, size=1, monkeypatch=None, tested=True):
    """With a self-test that passes at once, unless the test is about it."""
    if tested and monkeypatch is not None:
        monkeypatch.setattr("kernels.cuda.dispatch.self_test", lambda *_: None)
    return DispatchingBackend(backend, CPU, measure=lambda *_: size)


def msm(backend, points, scalars):
    return backend.msm(backend.load_bases(BN254, "g1", points), scalars)


def warnings(caplog):
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_device_that_passes_is_used(emulated, points, scalars, expected):
    one = emulated(checked=False)
    backend = dispatching(one.backend)
    assert np.array_equal(msm(backend, points, scalars), expected)
    health = backend.health()
    assert (health.state, health.device, health.fallbacks) == ("healthy", "emulated CUDA device", 0)
    assert 0 < health.work_bytes < one.device._arena.total_bytes
    assert one.device.launches["accumulate"] > 4


def test_small_work_stays_on_the_cpu(emulated, points, scalars, expected, monkeypatch):
    one = emulated()
    backend = dispatching(one.backend, N + 1, monkeypatch)
    assert np.array_equal(msm(backend, points, scalars), expected)
    assert not one.device.launches
    both = np.stack([scalars, scalars])
    assert np.array_equal(msm(backend, points, both), np.stack([expected, expected]))
    assert one.device.launches["accumulate"] == 1


@pytest.mark.parametrize(
    "cause",
    [
        DeviceError("CuPy is missing: install fastpath-prover[cuda12] or fastpath-prover[cuda13]"),
        DeviceError("no usable GPU: cudaErrorInsufficientDriver"),
        NvrtcError("no NVRTC was found"),
        OSError("libcuda.so.1"),
    ],
    ids=["no CuPy", "old driver", "no NVRTC", "no driver"],
)
def test_a_device_that_cannot_be_opened(points, scalars, expected, caplog, cause):
    def refuse():
        raise cause

    backend = dispatching(CudaBackend(refuse, CPU))
    for _ in range(3):
        assert np.array_equal(msm(backend, points, scalars), expected)
    assert backend.health().state == "absent"
    assert len(warnings(caplog)) == 1
    assert str(cause) in warnings(caplog)[0]


def test_a_strict_backend_raises(points, scalars):
    def refuse():
        raise DeviceError("no usable GPU")

    backend = CudaBackend(refuse, CPU)
    for _ in range(2):
        with pytest.raises(DeviceError, match="no usable GPU"):
            msm(backend, points, scalars)


@pytest.mark.parametrize(
    ("when", "at"), [*(("call", at) for at in (1, 7, 25, 60)), *(("operation", at) for at in (7, 25, 60))]
)
def test_a_device_that_is_lost(emulated, points, scalars, expected, caplog, monkeypatch, when, at):
    faults = Faults(lost_at_call=at) if when == "call" else Faults(lost_at_operation=at)
    backend = dispatching(emulated(checked=False, faults=faults).backend, 1, monkeypatch)
    for _ in range(4):
        assert np.array_equal(msm(backend, points, scalars), expected)
    assert backend.health().state == "lost"
    assert backend.health().restart
    assert len(warnings(caplog)) == 1
    assert "CPU" in warnings(caplog)[0]


def test_a_strict_backend_names_the_loss(emulated, points, scalars):
    backend = emulated(faults=Faults(lost_at_operation=25)).backend
    with pytest.raises(DeviceFaultError):
        msm(backend, points, scalars)
    with pytest.raises(DeviceFaultError):
        msm(backend, points, scalars)


def test_lasting_want_of_memory(emulated, points, scalars, expected, caplog, monkeypatch):
    faults = Faults(out_of_memory_at=frozenset(range(3, 500)))
    one = emulated(faults=faults)
    backend = dispatching(one.backend, 1, monkeypatch)
    for _ in range(3):
        assert np.array_equal(msm(backend, points, scalars), expected)
    assert backend.health().state == "healthy"
    assert backend.health().fallbacks == 3
    assert len(warnings(caplog)) == 1
    with pytest.raises(DeviceOutOfMemoryError):
        msm(one.backend, points, scalars)


def test_a_device_that_computes_wrong_fails_its_self_test(emulated, points, scalars, expected, caplog):
    corruption = Corruption("sum_rows", launch=2, argument=3, byte=40)
    one = emulated(checked=False, faults=Faults(corruptions=(corruption,)))
    backend = dispatching(one.backend)
    assert np.array_equal(msm(backend, points, scalars), expected)
    assert backend.health().state == "quarantined"
    assert len(warnings(caplog)) == 1
    used = one.device.launches.total()
    assert np.array_equal(msm(backend, points, scalars), expected)
    assert one.device.launches.total() == used


@pytest.mark.parametrize(
    ("kernel", "argument", "what"), [("transform_down", 0, "NTT"), ("multiply", 4, "NTT"), ("accumulate", 5, "MSM")]
)
def test_the_self_test_names_what_is_wrong(emulated, kernel, argument, what):
    faults = Faults(corruptions=(Corruption(kernel, argument=argument, byte=3),))
    with pytest.raises(SelfTestError, match=what):
        self_test(emulated(checked=False, faults=faults).backend, CPU, (BN254,))


def test_quarantine(emulated, points, scalars, expected, caplog, monkeypatch):
    one = emulated()
    backend = dispatching(one.backend, 1, monkeypatch)
    bases = backend.load_bases(BN254, "g1", points)
    backend.msm(bases, scalars)
    backend.quarantine("it made a proof that does not verify", 2)
    used = one.device.launches.total()
    assert np.array_equal(backend.msm(bases, scalars), expected)  # bases that were prepared for the device
    assert np.array_equal(msm(backend, points, scalars), expected)
    assert one.device.launches.total() == used
    assert (backend.health().state, backend.health().wrong_results) == ("quarantined", 2)
    assert len(warnings(caplog)) == 1


def test_checks_do_not_depend_on_the_device(emulated):
    strict = emulated().backend
    both = DispatchingBackend(strict, CPU)
    assert isinstance(strict, DeviceBackend)
    assert isinstance(both, DeviceBackend)
    assert not isinstance(CPU, DeviceBackend)
    assert trusted_backend(strict) is trusted_backend(both) is trusted_backend(CPU) is CPU


@pytest.mark.parametrize(
    ("cpu", "device", "size"),
    [
        ([1.0, 2.0], [3.0, 3.5], 400),  # 0.9 + n / 1000 against 2.95 + n / 2000... crosses where they are equal
        ([1.0, 2.0], [0.5, 0.6], 1),
        ([1.0, 2.0], [1.5, 3.0], NEVER),
        ([1.0, 1.0], [0.5, 0.5], 1),
        ([1.0, 1.0], [2.0, 2.0], NEVER),
    ],
)
def test_break_even(cpu, device, size):
    sizes = (100, 1100)
    lines = ([Timing(n, t) for n, t in zip(sizes, times, strict=True)] for times in (cpu, device))
    found = break_even(*lines)
    if size == 400:
        assert found == pytest.approx((2.95 - 0.9) / (0.001 - 0.0005), rel=0.01)
    else:
        assert found == size
