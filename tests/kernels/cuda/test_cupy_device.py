"""CupyDevice against a CuPy that only writes down what it is told: sizes, addresses, streams, errors."""

import ctypes
import sys
import types

import numpy as np
import pytest

from kernels.cuda.cupy_device import CupyDevice
from kernels.cuda.device import DeviceError, DeviceFaultError, DeviceOutOfMemoryError
from kernels.cuda.nvrtc import NvrtcError

BASE = 0x7000_0000


class Failure(Exception):  # noqa: N818 - CuPy's own are its stand-ins
    def __init__(self, status):
        super().__init__(f"error {status}")
        self.status = status


class OutOfMemory(MemoryError):  # noqa: N818 - likewise
    pass


class Pointer:
    def __init__(self, ptr):
        self.ptr = ptr

    def __add__(self, offset):
        return Pointer(self.ptr + offset)


class Event:
    done = True

    def synchronize(self):
        """Nothing to wait for."""


class FakeStream:
    current = None

    def __init__(self, *, non_blocking):
        assert non_blocking
        self.ptr = id(self)

    def __enter__(self):
        FakeStream.current = self

    def __exit__(self, *_):
        FakeStream.current = None

    def record(self):
        return Event()

    def wait_event(self, event):
        assert isinstance(event, Event)

    def synchronize(self):
        """Nothing to wait for."""


@pytest.fixture
def log():
    return []


@pytest.fixture
def fails():
    """Calls that fail, by name, with their status."""
    return {}


@pytest.fixture
def cupy(monkeypatch, log, fails):
    def told(name, result=None):
        def call(*arguments):
            if name in fails:
                raise OutOfMemory if fails[name] is None else Failure(fails[name])
            log.append((name, *arguments))
            return result(*arguments) if callable(result) else result

        return call

    def launch(handle, *numbers):
        *shape, shared, _, parameters, extra = numbers
        assert extra == 0
        addresses = ctypes.cast(parameters, ctypes.POINTER(ctypes.c_void_p))
        sizes = {"f": (8, 4, 8)}[handle]
        values = [ctypes.string_at(addresses[k], size) for k, size in enumerate(sizes)]
        log.append(("arguments", shape, shared, values))

    class Pool:
        def malloc(self, size):
            told("malloc")(size)
            assert FakeStream.current is not None  # memory belongs to a stream
            return Pointer(BASE)

        def free_bytes(self):
            return 7

        free_all_blocks = staticmethod(told("free_all_blocks"))

    runtime = types.SimpleNamespace(
        CUDARuntimeError=Failure, getDeviceProperties=told("properties", {"name": b"Fake"}),
        deviceGetAttribute=lambda number, _: {1: 1024, 16: 132, 97: 232448}.get(number, 1024),
        driverGetVersion=lambda: 13000, memGetInfo=told("memory", (100, 200)), deviceSynchronize=told("synchronize"),
        memcpyAsync=told("copy"), memsetAsync=told("set"),
    )  # fmt: skip
    driver = types.SimpleNamespace(
        CUDADriverError=Failure, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES=8, moduleLoadData=told("load", "m"),
        moduleGetFunction=told("function", "f"), funcSetAttribute=told("attribute"), launchKernel=launch,
    )  # fmt: skip
    device = types.SimpleNamespace(use=told("use"), compute_capability="90")
    cuda = types.SimpleNamespace(
        runtime=runtime, driver=driver, memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemory), Stream=FakeStream,
        MemoryPool=Pool, Device=lambda _: device, alloc_pinned_memory=bytearray,
        get_elapsed_time=lambda *_: 2.5,
    )  # fmt: skip
    fake = types.ModuleType("cupy")
    fake.cuda = cuda
    monkeypatch.setitem(sys.modules, "cupy", fake)


@pytest.fixture
def device(cupy):  # noqa: ARG001 - it is imported
    return CupyDevice()


def test_what_it_says_of_itself(device):
    assert (device.name, device.target, device.limits.multiprocessors) == ("Fake", "sm_90", 132)
    assert device.limits.shared_bytes_per_block == 232448
    info = device.memory_info()
    assert (info.free_bytes, info.total_bytes) == (107, 200)


def test_copies_have_the_addresses_sizes_and_directions(device, log):
    stream = device.new_stream()
    memory = device.allocate(64, stream)
    pinned = device.allocate_pinned(32)
    assert pinned.dtype == np.uint8
    part = memory.view(16, 32)
    device.upload(part, pinned, stream)
    device.download(pinned, part, stream)
    device.copy(memory.view(0, 8), memory.view(8, 8), stream)
    device.fill(part, 255, stream)
    s, at = stream.stream.ptr, pinned.ctypes.data
    assert [entry for entry in log if entry[0] in {"copy", "set"}] == [
        ("copy", BASE + 16, at, 32, 1, s),
        ("copy", at, BASE + 16, 32, 2, s),
        ("copy", BASE, BASE + 8, 8, 3, s),
        ("set", BASE + 16, 255, 32, s),
    ]
    with pytest.raises(ValueError, match="32 bytes into 16"):
        device.upload(memory.view(0, 16), pinned, stream)
    with pytest.raises(ValueError, match="view"):
        memory.view(60, 8)


def test_a_launch_passes_every_argument_at_its_own_size(device, log):
    stream = device.new_stream()
    memory = device.allocate(64, stream)
    kernel = device.load(b"image").kernel("accumulate")
    arguments = [memory.view(16, 16), np.uint32(7), np.uint64(9)]
    device.launch(kernel, (3, 1, 1), (128, 1, 1), arguments, stream, shared_bytes=64 << 10)
    assert ("attribute", "f", 8, 64 << 10) in log
    expected = [(BASE + 16).to_bytes(8, "little"), (7).to_bytes(4, "little"), (9).to_bytes(8, "little")]
    assert log[-1] == ("arguments", [3, 1, 1, 128, 1, 1], 64 << 10, expected)
    with pytest.raises(TypeError, match="int"):
        device.launch(kernel, (1, 1, 1), (1, 1, 1), [memory, 7, np.uint64(1)], stream)


def test_events_and_streams(device):
    first, second = device.new_stream(), device.new_stream()
    event = first.record()
    second.wait(event)
    second.synchronize()
    event.synchronize()
    assert event.done
    assert second.record().seconds_since(event) == 0.0025


def test_want_of_memory_leaves_the_device_usable(device, fails):
    stream = device.new_stream()
    fails["malloc"] = None
    with pytest.raises(DeviceOutOfMemoryError, match="4096 bytes"):
        device.allocate(4096, stream)
    del fails["malloc"]
    device.free(device.allocate(4096, stream))
    device.trim()


def test_a_fault_loses_the_device_for_good(device, fails):
    stream = device.new_stream()
    memory = device.allocate(8, stream)
    fails["set"] = 700
    with pytest.raises(DeviceFaultError, match="error 700"):
        device.fill(memory, 0, stream)
    del fails["set"]
    with pytest.raises(DeviceFaultError):
        device.memory_info()


def test_an_image_that_does_not_fit_is_no_fault(device, fails):
    fails["load"] = 209
    with pytest.raises(DeviceError, match="do not load") as refused:
        device.load(b"image")
    assert not isinstance(refused.value, DeviceFaultError)
    del fails["load"]
    module = device.load(b"image")
    fails["function"] = 500
    with pytest.raises(KeyError, match="nothing"):
        module.kernel("nothing")


@pytest.mark.parametrize("status", [35, 100])
def test_no_driver_or_device(cupy, fails, status):  # noqa: ARG001 - it is imported
    fails["use"] = status
    with pytest.raises(DeviceError, match="doctor") as refused:
        CupyDevice()
    assert not isinstance(refused.value, DeviceFaultError)


def test_no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match=r"fastpath-prover\[cuda12\]"):
        CupyDevice()


def test_no_nvrtc(cupy, monkeypatch):  # noqa: ARG001 - it is imported
    def none(_):
        raise NvrtcError("no NVRTC was found; install fastpath-prover[cuda13]")

    monkeypatch.setattr("kernels.cuda.cupy_device.find_nvrtc", none)
    with pytest.raises(DeviceError, match="no NVRTC"):
        CupyDevice()
