"""Our launch code with one wait, one event, or one reference, left out: the emulated device reports every one.

Waits and events are found in the source of the session, so that none is forgotten.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import inspect
import sys

import numpy as np
import pytest

from kernels import BN254
from kernels.cuda import session as session_module
from kernels.cuda.elements import Elements, Rows
from kernels.cuda.session import Session
from tests.cuda_emulator import DefectError, EmulatedDevice
from tests.cuda_emulator.queues import EmulatedStream

SEEDS = (0, 1, 2, 3)
STAGING_BYTES = 1 << 10
PARTS = 5


def _lines_of(attribute: str) -> list[int]:
    """Lines of the session's source that call a method of that name on a stream."""
    tree = ast.parse(inspect.getsource(session_module))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    streams = {"copies", "compute", "_stream"}
    return sorted(
        call.lineno
        for call in calls
        if call.func.attr == attribute and ast.unparse(call.func.value).rsplit(".", 1)[-1] in streams
    )


WAITS = _lines_of("wait")
RECORDS = _lines_of("record")


def _values(number: int) -> np.ndarray:
    return np.arange(4 * 100, dtype=np.uint64).reshape(1, 100, 4) % 7 + np.uint64(number)


def products(session: Session) -> np.ndarray:
    """Parts sent ahead, uploads in order, kernels between them, downloads, and memory used again.

    Every copy takes several turns of the pinned buffers.
    """
    elements = Elements(session, BN254)
    results = []
    with session.scope() as scope:
        kept = elements.allocate(scope, 1, 100)
        with contextlib.closing(session.ahead((number, _values(number)) for number in range(PARTS))) as arrivals:
            for _, arrival in arrivals:
                part = Rows(arrival.take(), 1, 100)
                with session.scope() as inner:
                    right = elements.uploaded(inner, _values(0))
                    elements.pointwise("add", part, right.memory, kept)
                    elements.pointwise("add", part, kept.memory, part)
                    session.upload(right.memory, _values(0))
                    elements.pointwise("add", part, right.memory, right)
                    results.append(session.download(right.memory, np.uint64, (100, 4)))
                if len(results) > 1:  # what came before, while this is computed and the next travels
                    results[-2] = results[-2].result()
    results[-1] = results[-1].result()
    session.synchronize()
    return np.stack(results)


def wanted() -> np.ndarray:
    """2 (values + number) + 2 values of each part."""
    return np.stack([2 * _values(number)[0] + 2 * _values(0)[0] for number in range(PARTS)])


def _run(seed: int) -> None:
    """Raises DefectError for what the device reports, at the latest when it is closed."""
    device = EmulatedDevice(seed)
    found = products(Session(device, STAGING_BYTES))
    device.close()
    assert np.array_equal(found, wanted())


def test_launch_code_as_it_is_is_right_under_fifty_schedules():
    for seed in range(50):
        _run(seed)


def test_waits_and_events_are_found():
    assert len(WAITS) == 2  # where a part is used first, and where its memory goes
    assert len(RECORDS) == 4  # the same two, a pinned buffer's last copy, and a download's end


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
        with pytest.raises(DefectError):
            _run(seed)
    assert skipped


@pytest.mark.parametrize("line", RECORDS)
def test_every_event_in_the_wrong_place_is_reported(line, monkeypatch):
    """An event of the stream's beginning stands in for the one behind what it is meant to cover.

    What the host reads too early no device sees: a download's result is wrong instead, where the device is late.
    """
    original, first, replaced = EmulatedStream.record, {}, []

    def record(self):
        early = first.setdefault((id(self.device), self.number), None) or original(self)
        first[id(self.device), self.number] = early
        caller = sys._getframe(1)
        if caller.f_lineno == line and caller.f_code.co_filename == session_module.__file__:
            replaced.append(line)
            return early
        return original(self)

    monkeypatch.setattr(EmulatedStream, "record", record)
    monkeypatch.setattr(Session, "__post_init__", _with_early_events(Session.__post_init__))
    download = line == RECORDS[-1]
    for seed in (1,) if download else SEEDS:
        with pytest.raises(AssertionError if download else DefectError):
            _run(seed)
    assert replaced


def _with_early_events(original):
    def post_init(self):
        original(self)
        for stream in (self.compute, self.copies):
            stream.record()

    return post_init


@pytest.mark.parametrize("stream", ["_in_order", "_ahead"])
def test_pinned_buffers_filled_again_too_early_are_reported(stream, monkeypatch):
    """Of either stream: the two buffers of each are waited for apart."""
    original = session_module._Staging.wait
    patched = []

    def of(session):
        uploads, following = getattr(session, stream), session_module._Uploads._next

        def _next():
            monkeypatch.setattr(session_module._Staging, "wait", lambda _: patched.append(1))
            try:
                return following(uploads)
            finally:
                monkeypatch.setattr(session_module._Staging, "wait", original)

        uploads._next = _next

    for seed in SEEDS:
        session = Session(EmulatedDevice(seed), STAGING_BYTES)
        of(session)
        with pytest.raises(DefectError, match="pinned memory was changed"):
            products(session)
    assert patched


def test_the_next_part_travels_while_the_present_one_is_computed():
    """Nothing orders a part's copy behind the kernels of the part before; for those of the one before that it waits."""
    device = EmulatedDevice(seed=1)
    session, factor = Session(device, STAGING_BYTES), _values(1)
    elements = Elements(session, BN254)
    with session.scope() as scope:
        right = elements.uploaded(scope, factor)
        session.synchronize()
        for _, arrival in session.ahead((number, _values(number)) for number in range(PARTS)):
            part = Rows(arrival.take(), 1, 100)
            for _ in range(3):
                elements.pointwise("multiply", part, right.memory, part)
    session.synchronize()
    order = device.queues.order
    copies = [op for op, label in enumerate(order.labels) if label.startswith("upload") and order.stream_of(op) == 1]
    kernels = [op for op, label in enumerate(order.labels) if label.startswith("kernel")]
    pieces = -(-_values(0).nbytes // STAGING_BYTES)
    each = len(kernels) // PARTS
    assert len(copies) == PARTS * pieces
    for part in range(1, PARTS):
        for copy in copies[part * pieces : (part + 1) * pieces]:
            before = kernels[(part - 1) * each : part * each]
            assert all(kernel < copy and not order.before(kernel, copy) for kernel in before)
            assert all(order.before(kernel, copy) for kernel in kernels[: (part - 1) * each])


def test_parts_left_early_give_their_memory_back():
    with EmulatedDevice(seed=3) as device:
        session = Session(device, STAGING_BYTES)
        free = device.memory_info().free_bytes
        arrivals = session.ahead((number, _values(number)) for number in range(PARTS))
        next(arrivals)
        next(arrivals)
        arrivals.close()
        session.synchronize()
        assert device.memory_info().free_bytes == free


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
            session.synchronize()


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
            session.synchronize()


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
            session.synchronize()
