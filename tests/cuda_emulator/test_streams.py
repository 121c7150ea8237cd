"""Launch code that keeps the rules of streams, events and memory passes; each rule left out is reported."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from tests.cuda_emulator import DefectError, EmulatedDevice
from tests.cuda_emulator.mutable_kernels import compiled

SEEDS = (0, 1, *range(2, 52))
CHUNK = 64


def scaled_in_chunks(device: EmulatedDevice, skipped: str = "") -> np.ndarray:
    """Doubles chunks on one stream while another copies, through two pinned buffers that take turns.

    ``skipped`` names one thing that it leaves out.
    """
    compute, copies = device.new_stream(), device.new_stream()
    module = device.load(compiled("wide_sums"))
    kernel = module.kernel("wide_sums")
    values = np.arange(4 * 4 * CHUNK, dtype=np.uint32).reshape(4, 4 * CHUNK)
    out = np.zeros_like(values)
    size = values[0].nbytes
    pinned = [device.allocate_pinned(size) for _ in range(2)]
    copied: list = [None, None]
    staged = device.allocate(size, copies)
    downloads = []
    for number, chunk in enumerate(values):
        turn = number % 2
        if copied[turn] is not None and skipped != "wait of the host before it fills a buffer again":
            copied[turn].synchronize()
        pinned[turn][:] = chunk.view(np.uint8)
        device.upload(staged, pinned[turn], copies)
        copied[turn] = copies.record()
        if skipped != "event behind the upload, before the kernel":
            compute.wait(copied[turn])
        result = device.allocate(size, compute)
        device.launch(kernel, (1, 1, 1), (64, 1, 1), [staged, staged, np.uint32(CHUNK), result], compute)
        read = compute.record()
        if skipped != "event behind the kernel, before the download":
            copies.wait(read)
        target = device.allocate_pinned(size)
        device.download(target, result, copies)
        fetched = copies.record()
        if skipped != "event behind the download, before the result is freed":
            compute.wait(fetched)
        device.free(result)
        if skipped == "result kept until it was downloaded":
            del target
            target = np.zeros(size, np.uint8)
        downloads.append((target, fetched))
    for number, (target, fetched) in enumerate(downloads):
        if skipped != "wait of the host before it reads":
            fetched.synchronize()
        out[number] = target.view(np.uint32)
    if skipped == "buffers kept until they were uploaded":
        pinned.clear()
        gc.collect()
        device.upload(staged, device.allocate_pinned(size), copies)
    if skipped == "module kept until its kernels ran":
        device.launch(kernel, (1, 1, 1), (64, 1, 1), [staged, staged, np.uint32(0), staged], copies)
        del module
        gc.collect()
    copies.wait(read)
    device.free(staged)
    return out


RULES = (
    "wait of the host before it fills a buffer again",
    "event behind the upload, before the kernel",
    "event behind the kernel, before the download",
    "event behind the download, before the result is freed",
    "result kept until it was downloaded",
    "buffers kept until they were uploaded",
    "module kept until its kernels ran",
)


def test_launch_code_that_keeps_the_rules_is_right_under_every_schedule():
    wanted = 2 * np.arange(4 * 4 * CHUNK, dtype=np.uint32).reshape(4, 4 * CHUNK)
    for seed in SEEDS:
        with EmulatedDevice(seed) as device:
            assert np.array_equal(scaled_in_chunks(device), wanted)


FOUND_BY_CELLS = {"event behind the upload, before the kernel", "event behind the kernel, before the download"}
"""Order between kernels and copies is kept in the cells of the memory, which exist with all checks only."""


@pytest.mark.parametrize(
    ("rule", "checked"),
    [*((rule, True) for rule in RULES), *((rule, False) for rule in RULES if rule not in FOUND_BY_CELLS)],
)
def test_every_rule_left_out_is_reported_under_every_schedule(rule, checked):
    for seed in SEEDS[:6]:
        device = EmulatedDevice(seed, checked=checked)
        with pytest.raises(DefectError):  # noqa: PT012 - at the latest when the device is closed
            scaled_in_chunks(device, rule)
            device.close()
        assert device.reports


def test_host_that_reads_before_the_copy_reads_nonsense():
    device = EmulatedDevice(seed=1)
    out = scaled_in_chunks(device, "wait of the host before it reads")
    assert (out[-1] == out[-1, 0]).all()


def test_memory_is_nonsense_until_written_and_after_release():
    for seed in (2, 3):
        device = EmulatedDevice(seed)
        stream = device.new_stream()
        memory, pinned = device.allocate(64, stream), device.allocate_pinned(64)
        device.download(pinned, memory, stream)
        with pytest.raises(DefectError, match="memory that nothing wrote"):
            stream.synchronize()
        assert pinned.any()


def test_copies_carry_what_is_not_initialised():
    device = EmulatedDevice()
    stream = device.new_stream()
    first, second = device.allocate(64, stream), device.allocate(64, stream)
    device.fill(first.view(0, 32), 7, stream)
    device.copy(second, first, stream)
    pinned = device.allocate_pinned(32)
    device.download(pinned, second.view(0, 32), stream)
    stream.synchronize()
    assert (pinned == 7).all()
    device.download(pinned, second.view(32, 32), stream)
    with pytest.raises(DefectError, match="memory that nothing wrote"):
        stream.synchronize()


def test_memory_of_another_stream_needs_an_event():
    device = EmulatedDevice()
    first, second = device.new_stream(), device.new_stream()
    memory = device.allocate(64, first)
    second.wait(first.record())
    device.fill(memory, 1, second)
    second.synchronize()
    stranger = device.new_stream()
    other = device.allocate(64, second)
    device.fill(other, 1, stranger)
    with pytest.raises(DefectError, match="has not waited for its own"):
        stranger.synchronize()


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda d, s, m: (d.free(m), d.free(m)), "second free"),
        (lambda d, s, m: d.free(m.view(0, 8)), "free\\(\\) of a view"),
        (lambda d, s, m: (d.free(m), d.fill(m, 0, s), s.synchronize()), "after it was freed"),
        (lambda d, s, m: d.copy(m.view(0, 32), m.view(16, 32), s), "overlap"),
        (lambda d, s, m: d.fill(m, 256, s), "fill"),
        (lambda d, s, m: d.allocate(0, s), "allocation of 0 bytes"),
        (lambda d, s, m: s.record().seconds_since(s.record()), "not done"),
    ],
)
def test_misuse_is_reported(misuse, message):
    device = EmulatedDevice(seed=1)
    stream = device.new_stream()
    memory = device.allocate(64, stream)
    with pytest.raises(DefectError, match=message):
        misuse(device, stream, memory)


def test_sizes_and_host_memory_are_checked_before_anything_is_queued():
    device = EmulatedDevice()
    stream = device.new_stream()
    memory = device.allocate(64, stream)
    with pytest.raises(ValueError, match="64 and 32"):
        device.upload(memory, device.allocate_pinned(32), stream)
    with pytest.raises(ValueError, match="pinned"):
        device.upload(memory, np.zeros(64, np.uint8), stream)
    with pytest.raises(ValueError, match="view"):
        memory.view(60, 8)


def test_dropped_memory_is_freed_in_the_order_of_its_stream():
    device = EmulatedDevice(seed=1, memory_bytes=1 << 20)
    stream = device.new_stream()
    for _ in range(8):
        memory = device.allocate(1 << 19, stream)
        device.fill(memory, 0, stream)
        del memory
    stream.synchronize()
    device.trim()
    assert device.memory_info().free_bytes == 1 << 20


def test_device_belongs_to_the_thread_that_made_it():
    device, caught = EmulatedDevice(), []

    def call():
        try:
            device.memory_info()
        except DefectError as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "another thread" in str(caught[0])


def test_events_are_done_in_time_and_order():
    device = EmulatedDevice(seed=1)
    stream = device.new_stream()
    memory = device.allocate(64, stream)
    device.fill(memory, 0, stream)
    first = stream.record()
    device.fill(memory, 1, stream)
    second = stream.record()
    polls = 0
    while not second.done:
        polls += 1
    assert polls
    assert first.done
    assert second.seconds_since(first) >= 0
