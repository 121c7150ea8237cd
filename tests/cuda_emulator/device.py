"""The emulated device: :class:`kernels.cuda.device.Device` on the CPU, with every rule of it enforced."""

from __future__ import annotations

import random
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from kernels.cuda.device import (
    Argument,
    DeviceError,
    DeviceFaultError,
    DeviceLimits,
    DeviceOutOfMemoryError,
    Dim3,
    HostBytes,
    MemoryInfo,
)
from tests.cuda_emulator.arena import Allocation, Arena
from tests.cuda_emulator.arguments import argument_problems, parameter_block, shape_problems
from tests.cuda_emulator.faults import Corruption, Faults
from tests.cuda_emulator.host_memory import PinnedMemory
from tests.cuda_emulator.image import Image, LoadedKernel, LoadedModule
from tests.cuda_emulator.launcher import Launcher
from tests.cuda_emulator.layout import Access, Finding
from tests.cuda_emulator.ptx import UnsupportedPtxError
from tests.cuda_emulator.queues import EmulatedStream, Queues
from tests.cuda_emulator.ranges import EmulatedMemory, Span
from tests.cuda_emulator.reports import DefectError, Report

DEFAULT_TARGET = "compute_90"
DEFAULT_MEMORY_BYTES = 256 << 20
DEFAULT_STEP_LIMIT = 50_000_000
DEFAULT_LIMITS = DeviceLimits(shared_bytes_per_block=227 * 1024, multiprocessors=4)
_SHOWN_REPORTS = 10


class EmulatedDevice:
    """A device whose kernels are compiled PTX that runs on the CPU.

    Use it as a context: leaving it runs what is still queued, and raises :class:`DefectError` for all that was found.
    A defect also raises at the next synchronisation, as no :class:`~kernels.cuda.device.DeviceError`, so that code
    which falls back from faults of a device cannot hide it.

    Parameters
    ----------
    seed
        Chooses one schedule of threads, blocks and streams: 0 the friendliest, 1 the opposite, others at random.
    checked
        All checks; without, kernels run several times faster, a wrong address is still refused, and streams, memory
        and arguments are still held to their rules.
    target
        Of the PTX to load.
    memory_bytes
        Memory of the device.
    limits
        What launches may ask for.
    faults
        What goes wrong on order.
    step_limit
        Backward branches that a thread may take before it is said not to end.

    Attributes
    ----------
    reports
        All that was found.
    launches
        Number of launches by kernel.
    """

    name = "emulated CUDA device"

    def __init__(
        self,
        seed: int = 0,
        *,
        checked: bool = True,
        target: str = DEFAULT_TARGET,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        limits: DeviceLimits = DEFAULT_LIMITS,
        faults: Faults | None = None,
        step_limit: int = DEFAULT_STEP_LIMIT,
    ) -> None:
        self.target = target
        self.limits = limits
        self.checked = checked
        self.reports: list[Report] = []
        self.launches: Counter[str] = Counter()
        self.faults = faults or Faults()
        self.queues = Queues(seed)
        self._random = random.Random(seed)
        self._dropped: deque[Callable[[], None]] = deque()
        poison = 0xA5 if seed == 0 else self._random.randrange(1, 255)
        self._arena = Arena(memory_bytes, poison, checked=checked)
        self._launcher = Launcher(self._arena, self.queues.order, checked=checked, step_limit=step_limit)
        self._pinned = PinnedMemory(self.queues.order, self.note, self._dropped.append, poison)
        self._seed = seed
        self._thread = threading.get_ident()
        self._calls = 0
        self._allocations = 0
        self._lost = ""
        self._raised = 0
        self._live: list[Allocation] = []

    # Life

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()

    def close(self) -> None:
        """Run what is queued and raise what was found, again if it was raised before."""
        self._note_dropped()
        while not self._lost and self.queues.step():
            pass
        self._raised = 0
        self.raise_findings(fault=False)

    def called(self) -> None:
        """Every call passes here: the owner's thread, and faults on order."""
        if threading.get_ident() != self._thread:
            self.defect("the device was called from another thread than the one that made it")
        self._note_dropped()
        self._calls += 1
        if self._calls == self.faults.lost_at_call:
            self._lost = f"lost on order at call {self._calls}"
        if self._lost:
            raise DeviceFaultError(f"the device is lost: {self._lost}")

    def note(self, message: str) -> None:
        """Add a defect of the host's code to the reports."""
        self.reports.append(Report(None, message, "launch code"))

    def defect(self, message: str) -> None:
        """Note a defect and raise it at once."""
        self.note(message)
        self.raise_findings()

    def raise_findings(self, *, fault: bool = True) -> None:
        """Raise what was found since the last time, or the loss of the device."""
        if len(self.reports) > self._raised:
            found = self.reports[self._raised :]
            self._raised = len(self.reports)
            lines = "\n".join(f"  {report}" for report in found[:_SHOWN_REPORTS])
            raise DefectError(f"{len(found)} defects (seed {self._seed}):\n{lines}")
        if fault and self._lost:
            raise DeviceFaultError(f"the device is lost: {self._lost}")

    # Memory

    def memory_info(self) -> MemoryInfo:
        """Free and total memory."""
        self.called()
        return MemoryInfo(self._arena.total_bytes - self._arena.used_bytes, self._arena.total_bytes)

    def allocate(self, size_bytes: int, stream: EmulatedStream) -> EmulatedMemory:
        """Poisoned memory that lives on ``stream``."""
        self.called()
        if size_bytes < 1:
            self.defect(f"allocation of {size_bytes} bytes")
        self._allocations += 1
        if self._allocations in self.faults.out_of_memory_at:
            raise DeviceOutOfMemoryError(size_bytes)
        offset = self._arena.take(size_bytes)
        while offset is None and self.queues.step():  # a free that was queued may make room
            offset = self._arena.take(size_bytes)
        if offset is None:
            raise DeviceOutOfMemoryError(size_bytes)
        operation = self.queues.order.add(stream.number, f"allocation of {size_bytes} bytes")
        allocation = Allocation(offset, size_bytes, stream.number, operation, [])
        self._live.append(allocation)
        memory = EmulatedMemory(self, allocation, offset, size_bytes)
        weakref.finalize(memory, self._dropped.append, lambda: self._queue_free(allocation)).atexit = False
        return memory

    def free(self, memory: EmulatedMemory) -> None:
        """Give an allocation back in the order of its stream."""
        self.called()
        if memory.root is not None:
            self.defect("free() of a view")
        if memory.allocation.freed:
            self.defect(f"second free() of {memory.allocation.name}")
        self._queue_free(memory.allocation)

    def trim(self) -> None:
        """Wait for the device; there is no pool."""
        self.called()
        while self.queues.step():
            pass
        self.raise_findings()

    def allocate_pinned(self, size_bytes: int) -> HostBytes:
        """Poisoned pinned memory."""
        self.called()
        return self._pinned.allocate(size_bytes)

    # Queued work

    def new_stream(self) -> EmulatedStream:
        """A stream ordered with no other."""
        self.called()
        return self.queues.new_stream(self)

    def upload(self, target: EmulatedMemory, source: HostBytes, stream: EmulatedStream) -> None:
        """Queue a copy to the device."""
        self.called()
        _same_size(target.size_bytes, source.nbytes)
        operation = self._operation(stream, f"upload of {source.nbytes} bytes", target)
        read, span = self._pinned.begin(source, operation, writes=False), target.span

        def run() -> None:
            content = read()
            if content is not None and self._touch(span, Access.STORE, operation):
                self._arena.bytes[span.slice] = np.frombuffer(content, np.uint8)

        self._enqueue(stream, operation, run)

    def download(self, target: HostBytes, source: EmulatedMemory, stream: EmulatedStream) -> None:
        """Queue a copy to the host."""
        self.called()
        _same_size(source.size_bytes, target.nbytes)
        operation = self._operation(stream, f"download of {target.nbytes} bytes", source)
        address, span = target.ctypes.data, source.span
        begin = self._pinned.begin(target, operation, writes=True)

        def run() -> None:
            if begin() is not None and self._touch(span, Access.LOAD, operation):
                self._pinned.store(address, self._arena.bytes[span.slice].tobytes())

        self._enqueue(stream, operation, run)

    def copy(self, target: EmulatedMemory, source: EmulatedMemory, stream: EmulatedStream) -> None:
        """Queue a copy on the device; what was not initialised stays so."""
        self.called()
        _same_size(source.size_bytes, target.size_bytes)
        if target.offset < source.offset + source.size_bytes and source.offset < target.offset + target.size_bytes:
            self.defect("copy() between ranges that overlap")
        operation = self._operation(stream, f"copy of {source.size_bytes} bytes", target, source)
        to, origin = target.span, source.span

        def run() -> None:
            self._touch(origin, Access.LOAD, operation, any_state=True)
            if self._touch(to, Access.STORE, operation):
                self._arena.bytes[to.slice] = self._arena.bytes[origin.slice]
                self._arena.states[to.slice] = self._arena.states[origin.slice]

        self._enqueue(stream, operation, run)

    def fill(self, memory: EmulatedMemory, byte: int, stream: EmulatedStream) -> None:
        """Queue setting every byte."""
        self.called()
        if not 0 <= byte <= 255:
            self.defect(f"fill() with {byte}")
        operation = self._operation(stream, f"fill of {memory.size_bytes} bytes", memory)
        span = memory.span

        def run() -> None:
            if self._touch(span, Access.STORE, operation):
                self._arena.bytes[span.slice] = byte

        self._enqueue(stream, operation, run)

    def load(self, image: bytes) -> LoadedModule:
        """Load PTX; variables of the module are initialised before this returns."""
        self.called()
        try:
            loaded = Image(image, checked=self.checked)
        except (UnsupportedPtxError, UnicodeDecodeError) as error:
            raise DeviceError(f"the image does not load: {error}") from error
        self._arena.refine(loaded.granule_bytes)
        if loaded.variable_bytes:
            offset = self._arena.take(loaded.variable_bytes)
            if offset is None:
                raise DeviceOutOfMemoryError(loaded.variable_bytes)
            loaded.place_variables(self._arena, offset)
        module = LoadedModule(loaded)
        weakref.finalize(module, self._dropped.append, lambda: self._drop_module(loaded)).atexit = False
        return module

    def launch(
        self,
        kernel: LoadedKernel,
        grid: Dim3,
        block: Dim3,
        arguments: Sequence[Argument],
        stream: EmulatedStream,
        *,
        shared_bytes: int = 0,
    ) -> None:
        """Queue a kernel, its arguments held against its parameters."""
        self.called()
        facts = kernel.kernel
        memories = [argument for argument in arguments if isinstance(argument, EmulatedMemory)]
        given = [
            self._arena.base + argument.offset
            if isinstance(argument, EmulatedMemory)
            else None
            if isinstance(argument, int)
            else argument
            for argument in arguments
        ]
        problems = shape_problems(facts, self.limits, grid, block, shared_bytes) + argument_problems(facts, given)
        if problems:
            self.defect(f"launch of {kernel.name}: {'; '.join(problems)}")
        parameters = parameter_block(facts, given)
        operation = self._operation(stream, f"kernel {kernel.name}", *memories)
        if kernel.image.dropped:
            self.note(f"launch of {kernel.name} after its module was dropped")
        kernel.image.users.append(operation)
        self.launches[kernel.name] += 1
        number = self.launches[kernel.name]
        seed = self._seed if self._seed < 2 else self._random.randrange(2, 1 << 31)
        spans = [argument.span if isinstance(argument, EmulatedMemory) else None for argument in arguments]

        def run() -> None:
            self.reports += self._launcher.run(kernel, grid, block, parameters, shared_bytes, operation, seed)
            for corruption in self.faults.corruptions:
                if corruption.kernel == kernel.name and corruption.launch == number:
                    self._corrupt(corruption, spans[corruption.argument])

        self._enqueue(stream, operation, run)

    # Inside

    def _note_dropped(self) -> None:
        """What the caller let go of since the last call."""
        while self._dropped:
            self._dropped.popleft()()

    def _operation(self, stream: EmulatedStream, label: str, *memories: EmulatedMemory) -> int:
        """Number of a new operation that uses ``memories``; what it may not use is noted."""
        order = self.queues.order
        operation = order.add(stream.number, label)
        for memory in memories:
            allocation = memory.allocation
            if memory.device is not self:
                self.defect(f"{label} with memory of another device")
            if allocation.freed:
                self.note(f"{label} uses {allocation.name} after it was freed")
            if not order.before(allocation.operation, operation):
                self.note(f"{label} uses {allocation.name} on a stream that has not waited for its own")
            allocation.users.append(operation)
        return operation

    def _queue_free(self, allocation: Allocation) -> None:
        """Queue the end of an allocation, unless it has ended."""
        if allocation.freed:
            return
        allocation.freed = True
        order = self.queues.order
        operation = order.add(allocation.stream, f"free of {allocation.size_bytes} bytes")
        for user in allocation.users:
            if not order.before(user, operation):
                self.note(
                    f"{allocation.name} was freed, but its stream has not waited for {order.labels[user]} on another"
                    f" stream"
                )

        def release() -> None:
            self._live.remove(allocation)
            self._arena.release(allocation.offset, allocation.size_bytes)

        self._enqueue(self.queues.streams[allocation.stream], operation, release)

    def _drop_module(self, image: Image) -> None:
        """The caller let go of a module."""
        image.dropped = True
        order = self.queues.order
        running = [user for user in image.users if not order.before_host(user)]
        if running:
            self.note(f"a module was dropped before an event behind its {order.labels[running[0]]} was waited for")

    def _enqueue(self, stream: EmulatedStream, operation: int, work: Callable[[], None]) -> None:
        """Queue what an operation does; a lost device does nothing any more."""

        def run() -> None:
            if operation == self.faults.lost_at_operation:
                self._lost = f"lost on order at {self.queues.order.labels[operation]}"
            if not self._lost:
                work()

        self.queues.add(stream, run)

    def _touch(self, span: Span, access: Access, operation: int, *, any_state: bool = False) -> bool:
        """Check and note an access of a copy or fill; whether it may go on."""
        found = self._launcher.touch(*span, access, operation, any_state=any_state)
        self.reports += found
        return all(report.finding not in {Finding.FREED, Finding.OUT_OF_BOUNDS} for report in found)

    def _corrupt(self, corruption: Corruption, span: Span | None) -> None:
        assert span is not None, "a corruption names an argument that is memory"
        assert corruption.byte < span.size_bytes, "a corruption names a byte inside the memory"
        self._arena.bytes[span.offset + corruption.byte] ^= corruption.mask


def _same_size(first: int, second: int) -> None:
    if first != second:
        raise ValueError(f"copy between ranges of {first} and {second} bytes")
