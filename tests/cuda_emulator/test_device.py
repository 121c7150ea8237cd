"""Launch arguments, reports, faults on order, limits and the cache of compiled kernels."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.cuda.device import DeviceError, DeviceFaultError, DeviceLimits, DeviceOutOfMemoryError
from tests.cuda_emulator import Corruption, DefectError, EmulatedDevice, Faults, Finding, compiler, image
from tests.cuda_emulator.mutable_kernels import MUTANTS, RUNS, SOURCES, Bench, compiled, source_of


def launch(device: EmulatedDevice, name: str, grid, block, arguments, shared_bytes: int = 0) -> None:
    module = device.load(compiled(name))
    stream = device.new_stream()
    device.launch(module.kernel(name), grid, block, arguments, stream, shared_bytes=shared_bytes)
    stream.synchronize()


def test_a_report_names_kernel_instruction_line_thread_block_and_address():
    device = EmulatedDevice(seed=5)
    with pytest.raises(DefectError) as caught:
        RUNS["histogram"](Bench(device), 3)
    report = device.reports[0]
    assert report.kernel == "histogram"
    assert report.finding is Finding.OUT_OF_BOUNDS
    assert report.instruction.startswith("ld.global")
    text = compiled("histogram", 3).decode().splitlines()
    assert report.line is not None
    assert " ".join(text[report.line - 1].split()).rstrip(";") == report.instruction
    source_line = int(report.source.rsplit(":", 1)[1])
    assert "INSIDE(3, i < n)" in source_of("histogram").splitlines()[source_line - 1]
    # Element i of 300 words; blocks are 128 threads.
    assert report.block == 2
    assert report.thread is not None
    assert report.thread >= 300 - 2 * 128
    assert report.address is not None
    base = report.address - 4 * (report.block * 128 + report.thread)
    assert base % 256 == 0
    for part in (
        report.kernel,
        report.instruction,
        report.source,
        f"block 2, thread {report.thread}",
        hex(report.address),
    ):
        assert part in str(caught.value)


def test_a_race_names_both_sides():
    device = EmulatedDevice(seed=0)
    with pytest.raises(
        DefectError, match=r"race with a write of another thread; shared 0x\w+; other side: block 0, thread"
    ):
        RUNS["turned_tiles"](Bench(device), 1)
    device = EmulatedDevice(seed=0)
    with pytest.raises(DefectError, match=r"other side: block \d"):
        RUNS["blocks"](Bench(device), 1)


def test_reports_are_raised_again_when_the_device_is_closed():
    device = EmulatedDevice()
    with pytest.raises(DefectError):
        RUNS["bytes"](Bench(device), 1)
    with pytest.raises(DefectError, match="bytes"):
        device.close()
    assert not issubclass(DefectError, DeviceError)


@pytest.mark.parametrize(
    ("grid", "block", "shared_bytes", "message"),
    [
        ((0, 1, 1), (32, 1, 1), 0, "no block"),
        ((1, 1, 1), (0, 1, 1), 0, "no thread"),
        ((1, 65536, 1), (32, 1, 1), 0, "grid .* is above"),
        ((1, 1, 1), (1, 1, 65), 0, "block .* is above"),
        ((1, 1, 1), (33, 32, 1), 0, "threads a block are above 1024"),
        ((1, 1, 1), (129, 1, 1), 0, "launch bounds, 128"),
        ((1, 1, 1), (128, 1, 1), 10**6, "bytes of shared memory"),
        ((1, 1, 1), (128, 1, 1), -4, "dynamic shared"),
    ],
)
def test_shapes_that_no_device_takes_are_reported(grid, block, shared_bytes, message):
    device = EmulatedDevice()
    memory = device.allocate(1024, device.new_stream())
    with pytest.raises(DefectError, match=message):
        launch(device, "tree_sum", grid, block, [memory, memory], shared_bytes)


def test_shared_memory_above_the_default_limit_is_the_devices_choice():
    small = EmulatedDevice(limits=DeviceLimits())
    with pytest.raises(DefectError, match="shared memory are above 49152"):
        launch(small, "tree_sum", (1, 1, 1), (128, 1, 1), [small.allocate(8, small.new_stream())] * 2, 50_000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda m: [m, np.uint32(1)], "2 arguments for 3"),
        (lambda m: [m, np.uint64(1), m], "argument 1 has 8 bytes, the parameter 4"),
        (lambda m: [m, 1, m], "argument 1 is a NoneType|argument 1 is a int"),
        (lambda m: [m, m, m], "argument 1 has 8 bytes"),
        (lambda m: [np.uint32(0), np.uint32(1), m], "argument 0 has 4 bytes"),
    ],
)
def test_arguments_are_held_against_the_parameters(arguments, message):
    device = EmulatedDevice()
    memory = device.allocate(64, device.new_stream())
    with pytest.raises(DefectError, match=message):
        launch(device, "histogram", (1, 1, 1), (32, 1, 1), arguments(memory))


def test_out_of_memory_at_each_allocation_in_turn():
    for failing in (1, 2, 3):
        device = EmulatedDevice(faults=Faults(out_of_memory_at=frozenset({failing})))
        stream, made = device.new_stream(), []
        for number in (1, 2, 3, 4):
            if number == failing:
                with pytest.raises(DeviceOutOfMemoryError) as caught:
                    device.allocate(100, stream)
                assert caught.value.requested_bytes == 100
            else:
                made.append(device.allocate(100, stream))
        device.close()


def test_memory_ends():
    device = EmulatedDevice(memory_bytes=1 << 20)
    stream = device.new_stream()
    held = device.allocate(3 << 18, stream)
    with pytest.raises(DeviceOutOfMemoryError):
        device.allocate(1 << 19, stream)
    device.free(held)
    again = device.allocate(1 << 19, stream)
    assert again.size_bytes == 1 << 19
    assert device.memory_info().free_bytes == 1 << 19


def test_a_device_lost_at_a_call_stays_lost():
    device = EmulatedDevice(seed=1, faults=Faults(lost_at_call=3))
    stream = device.new_stream()
    memory = device.allocate(64, stream)
    for _ in range(2):
        with pytest.raises(DeviceFaultError):
            device.fill(memory, 0, stream)
    with pytest.raises(DeviceFaultError):
        stream.synchronize()
    device.close()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_device_lost_at_an_operation_says_so_at_the_latest_when_waited_for(seed):
    device = EmulatedDevice(seed, faults=Faults(lost_at_operation=2))
    stream = device.new_stream()
    with pytest.raises(DeviceFaultError):  # noqa: PT012 - at any of these calls
        memory = device.allocate(64, stream)
        device.fill(memory, 0, stream)
        stream.synchronize()
    with pytest.raises(DeviceFaultError):
        device.memory_info()


def test_a_wrong_result_on_order():
    faults = Faults(corruptions=(Corruption("wide_sums", launch=2, argument=3, byte=17, mask=0x40),))
    for checked in (True, False):
        with EmulatedDevice(checked=checked, faults=faults) as device:
            bench = Bench(device)
            assert RUNS["wide_sums"](bench, 0)
            assert not RUNS["wide_sums"](bench, 0)
            assert RUNS["wide_sums"](bench, 0)
        assert device.launches["wide_sums"] == 3


def test_images_that_are_no_ptx_are_refused():
    device = EmulatedDevice()
    for content in (b"\x7fELF\xff\xfe", b".version 8.0\n.target sm_90\n.texref t;\n"):
        with pytest.raises(DeviceError, match="does not load"):
            device.load(content)


def test_compiled_functions_come_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "cache_folder", lambda: tmp_path)
    image._compiled.cache_clear()
    made = []
    original = compiler._compile
    monkeypatch.setattr(compiler, "_compile", lambda ir: made.append(ir) or original(ir))
    for _ in range(2):
        with EmulatedDevice() as device:
            assert RUNS["local_digits"](Bench(device), 0)
        image._compiled.cache_clear()
    assert len(made) == 2  # the kernel and the function that it calls
    assert len(list(tmp_path.glob("*.o"))) == 2


def test_mutants_and_runs_name_the_same_kernels():
    assert MUTANTS.keys() == RUNS.keys() == SOURCES.keys()
