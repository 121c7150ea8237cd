"""What a call takes, measured on this process."""

import gc
import mmap
import sys
import threading

import numpy as np
import pytest

from prover.peak_memory import EVERY, FIRST, PeakMemory

MIB = 1 << 20
OTHERS = 20 * MIB  # what other threads of the test run may take meanwhile
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel keeps no such mark")


@pytest.fixture
def memory():
    """One that has seen the first call of a key, which is not measured."""
    gc.collect()
    memory = PeakMemory()
    with memory.measured("key") as first:
        pass
    assert first.byte_count == 0
    return memory


@linux
@pytest.mark.parametrize("size", [100 * MIB, 200 * MIB])
def test_the_highest_point_of_a_call_is_what_it_took(memory, size):
    for _ in range(2):  # memory that was freed, and is used again, counts again
        with memory.measured("key") as peak:
            first = np.ones(size // 2, np.uint8)
            second = np.ones(size // 2, np.uint8)
            del first, second
            third = np.ones(size // 4, np.uint8)
        assert peak.byte_count == pytest.approx(size, abs=OTHERS)
        del third


@linux
def test_what_was_there_before_does_not_count(memory):
    kept = np.ones(50 * MIB, np.uint8)
    with memory.measured("key") as peak:
        kept += 1
    assert 0 < peak.byte_count < OTHERS


@linux
def test_mapped_files_do_not_count(memory, tmp_path):
    (tmp_path / "key").write_bytes(bytes(50 * MIB))
    with memory.measured("key") as peak:
        mapped = np.memmap(tmp_path / "key", np.uint8, "r")
        assert mapped.sum() == 0
    assert 0 < peak.byte_count < OTHERS


@linux
def test_shared_memory_does_not_count(memory):
    shared = np.frombuffer(mmap.mmap(-1, 50 * MIB), np.uint8)  # as of the object store, it stays mapped
    with memory.measured("key") as peak:
        shared[:] = 1
    assert 0 < peak.byte_count < OTHERS


@linux
def test_the_first_calls_of_a_key_are_measured_and_then_some(memory):
    peaks = []
    for _ in range(FIRST + 2 * EVERY):
        with memory.measured("key") as peak:
            pass
        peaks.append(peak.byte_count)
    assert [number for number, taken in enumerate(peaks) if taken] == [
        *range(FIRST),
        FIRST + EVERY - 1,
        FIRST + 2 * EVERY - 1,
    ]


@linux
def test_calls_that_meet_are_not_measured(memory):
    met, go_on = threading.Event(), threading.Event()
    others = []

    def other():
        with memory.measured("other") as peak:
            met.set()
            go_on.wait()
        others.append(peak.byte_count)

    thread = threading.Thread(target=other)
    with memory.measured("key") as peak:
        thread.start()
        met.wait()
    go_on.set()
    thread.join()
    assert (peak.byte_count, others) == (0, [0])
    with memory.measured("key") as peak:
        pass
    assert peak.byte_count > 0


def test_where_the_kernel_keeps_no_mark_nothing_is_measured(tmp_path):
    memory = PeakMemory(tmp_path)
    for _ in range(2):
        with memory.measured("key") as peak:
            pass
        assert peak.byte_count == 0
    (tmp_path / "status").write_text("VmRSS:\t10 kB\n", encoding="ascii")
    with memory.measured("key") as peak:
        pass
    assert peak.byte_count == 0


def test_a_call_that_fails_leaves_the_next_alone(memory):
    with pytest.raises(ValueError, match="x"), memory.measured("key"):
        raise ValueError("x")
    with memory.measured("key") as peak:
        pass
    assert (peak.byte_count > 0) == (sys.platform == "linux")
