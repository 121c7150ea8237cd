"""Our launch code with one wait, or one reference, left out: the emulated device reports every one.

Waits are found in the source of the session, so that none is forgotten.
"""

from __future__ import annotations

import ast
import gc
import inspect
import sys

import numpy as np
import pytest

from kernels import BN254
from kernels.cuda import session as session_module
from kernels.cuda.elements import Elements
from kernels.cuda.session import Session
from tests.cuda_emulator import DefectError, EmulatedDevice
from tests.cuda_emulator.queues import EmulatedStream

SEEDS = (0, 1, 2, 3)


def _lines_of(attribute: str) -> list[int]:
    """Lines of the session's source that call a method of that name on a stream."""
    tree = ast.parse(inspect.getsource(session_module))
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == attribute
        if ast.unparse(node.func.value) in {"self.copies", "self.compute"}
    ]


WAITS = _lines_of("wait")


def products(session: Session) -> np.ndarray:
    """Several uploads through both pinned buffers, kernels between them, downloads, and memory used again."""
    elements = Elements(session, BN254)
    values = np.arange(4 * 100, dtype=np.uint64).reshape(1, 100, 4) % 7
    results = []
    with session.scope() as scope:
        kept = elements.allocate(scope, 1, 100)
        for number in range(4):
            with session.scope() as inner:
                left, right = elements.uploaded(inner, values + np.uint64(number)), elements.uploaded(inner, values)
                elements.pointwise("add", left, right.memory, kept)
                session.upload(left.memory, values)
                elements.pointwise("add", left, kept.memory, left)
                results.append(session.download(left.memory, np.uint64, (100, 4)))
            session.upload(kept.memory, values)
    out = np.stack([result.result() for result in results])
    session.close()
    return out


def wanted() -> np.ndarray:
    values = np.arange(4 * 100, dtype=np.uint64).reshape(100, 4) % 7
    return np.stack([3 * values + np.uint64(number) for number in range(4)])


def test_launch_code_as_it_is_is_right_under_fifty_schedules():
    for seed in range(50):
        with EmulatedDevice(seed) as device:
            assert np.array_equal(products(Session(device, staging_bytes=1 << 10)), wanted())


def test_waits_are_found():
    assert len(WAITS) >= 4


@pytest.mark.parametrize("line", WAITS)
def test_every_wait_left_out_is_reported(line, monkeypatch):
    original, skipped = EmulatedStream.wait, []

    def wait(self, event):
        caller = sys._getframe(1)
        if caller.f_lineno == line and caller.f_code.co_filename == session_module.__file__:
            skipped.append(line)
        else:
            original(self, event)

    monkeypatch.setattr(EmulatedStream, "wait", wait)
    for seed in SEEDS:
        device = EmulatedDevice(seed)
        with pytest.raises(DefectError):  # noqa: PT012 - at the latest when the device is closed
            products(Session(device, staging_bytes=1 << 10))
            device.close()
    assert skipped


def test_pinned_buffers_filled_again_too_early_are_reported(monkeypatch):
    monkeypatch.setattr(session_module._Staging, "wait", lambda _: None)
    for seed in SEEDS:
        device = EmulatedDevice(seed)
        with pytest.raises(DefectError, match="pinned memory was changed"):  # noqa: PT012
            products(Session(device, staging_bytes=1 << 10))
            device.close()


def test_downloads_that_nobody_keeps_are_reported():
    for seed in SEEDS:
        device = EmulatedDevice(seed)
        session = Session(device)
        with session.scope() as scope:
            memory = scope.zeros(64)
            session.download(memory, np.uint8, (64,))
            session._downloads.clear()
        gc.collect()
        with pytest.raises(DefectError, match="pinned memory was dropped"):
            session.close()


def test_modules_dropped_too_early_are_reported():
    for seed in SEEDS:
        device = EmulatedDevice(seed)
        session = Session(device)
        elements = Elements(session, BN254)
        with session.scope() as scope:
            values = elements.zeros(scope, 1, 4)
            elements.pointwise("add", values, values.memory, values)
        session._modules.clear()
        session._kernels.clear()
        gc.collect()
        with pytest.raises(DefectError, match="module was dropped"):
            session.close()


def test_memory_freed_too_early_is_reported():
    for seed in SEEDS:
        device = EmulatedDevice(seed)
        session = Session(device)
        memory, pinned = session.allocate(64), device.allocate_pinned(64)
        device.fill(memory, 0, session.compute)
        session.copies.wait(session.compute.record())
        device.download(pinned, memory, session.copies)
        device.free(memory)
        with pytest.raises(DefectError, match="was freed, but its stream has not waited"):
            session.close()
