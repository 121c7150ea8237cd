"""What all launch code shares: one device with its streams, its loaded programs, and memory that is given back.

Kernels run on one stream, with the copies that have their place between them. On a second stream the next part of a
batch travels while the present one is computed (:meth:`Session.ahead`): an event of each stream holds the other back,
where a part is used first and where its memory goes. Host memory that an upload reads is pinned, in two buffers a
stream that take turns, each with the event that frees it.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from kernels.cuda.images import AnyProgram, image

if TYPE_CHECKING:
    from kernels.cuda.device import Argument, Device, Event, HostBytes, Kernel, Memory, Module, Stream

STAGING_BYTES = 16 << 20
"""One pinned buffer: large enough that a copy runs at the link's speed (about 1 ms), small enough to pin four."""

Tag = TypeVar("Tag")


@dataclass
class _Staging:
    buffer: HostBytes
    free_from: Event | None = None
    """Behind the last copy out of it."""

    def wait(self) -> None:
        if self.free_from is not None:
            self.free_from.synchronize()
            self.free_from = None


class _Uploads:
    """Copies to the device on one stream, through two pinned buffers of its own.

    Of its own because a buffer is free when its stream has come there: two streams with common buffers would wait for
    each other.
    """

    def __init__(self, device: Device, stream: Stream, staging_bytes: int) -> None:
        self._device, self._stream, self._staging_bytes = device, stream, staging_bytes
        self._staging: list[_Staging] = []
        self._turn = 0

    def queue(self, target: Memory, source: npt.NDArray[Any]) -> None:
        """Queue copies of all of an array; returns when the last piece is in a pinned buffer."""
        flat = np.ascontiguousarray(source).reshape(-1).view(np.uint8)
        for start in range(0, flat.size, self._staging_bytes):
            piece = flat[start : start + self._staging_bytes]
            staging = self._next()
            staging.buffer[: piece.size] = piece
            self._device.upload(target.view(start, piece.size), staging.buffer[: piece.size], self._stream)
            staging.free_from = self._stream.record()

    def _next(self) -> _Staging:
        if not self._staging:
            self._staging = [_Staging(self._device.allocate_pinned(self._staging_bytes)) for _ in range(2)]
        self._turn = 1 - self._turn
        staging = self._staging[self._turn]
        staging.wait()
        return staging


@dataclass(frozen=True)
class Download:
    """Device memory on its way to the host."""

    _buffer: HostBytes
    _done: Event
    _dtype: npt.DTypeLike
    _shape: tuple[int, ...]

    @property
    def arrived(self) -> bool:
        """Whether waiting for it would return at once."""
        return self._done.done

    def result(self) -> npt.NDArray[Any]:
        """Wait for it; the array is the caller's."""
        self._done.synchronize()
        return self._buffer.view(self._dtype).reshape(self._shape).copy()


class Arrival:
    """Memory on its way to the device, on the copy stream, to which it belongs."""

    def __init__(self, session: Session, memory: Memory) -> None:
        self._session, self._memory = session, memory
        self._arrived = session.copies.record()
        session.scratch.take(memory.size_bytes)

    def take(self) -> Memory:
        """The memory; kernels queued from here on see what was sent."""
        self._session.compute.wait(self._arrived)
        return self._memory

    def release(self) -> None:
        """Give the memory back behind the kernels queued so far: the copy stream goes on when they have ended."""
        self._session.copies.wait(self._session.compute.record())
        self._session.device.free(self._memory)
        self._session.scratch.give_back(self._memory.size_bytes)


@dataclass
class Scratch:
    """Memory of scopes: what jobs hold while they run, without what stays.

    Attributes
    ----------
    held_bytes, most_bytes
        Now, and at most since :meth:`begin`.
    """

    held_bytes: int = 0
    most_bytes: int = 0

    def begin(self) -> None:
        """Count anew from what is held now."""
        self.most_bytes = self.held_bytes

    def take(self, size_bytes: int) -> None:
        """A scope has allocated."""
        self.held_bytes += size_bytes
        self.most_bytes = max(self.most_bytes, self.held_bytes)

    def give_back(self, size_bytes: int) -> None:
        """A scope has let go of memory, or it stays and is counted elsewhere."""
        self.held_bytes -= size_bytes


@dataclass
class Session:
    """A device as the launch code uses it; lives on the device's thread.

    Parameters
    ----------
    staging_bytes
        Size of a pinned buffer; tests make it small to see copies in several pieces.
    """

    device: Device
    staging_bytes: int = STAGING_BYTES
    _kernels: dict[tuple[AnyProgram, str], Kernel] = field(default_factory=dict, repr=False)
    _modules: dict[AnyProgram, Module] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.compute = self.device.new_stream()
        self.copies = self.device.new_stream()
        self._in_order = _Uploads(self.device, self.compute, self.staging_bytes)
        self._ahead = _Uploads(self.device, self.copies, self.staging_bytes)
        self.scratch = Scratch()
        self._downloads: deque[Download] = deque()  # until they have arrived, even when nobody waits for them

    # --- programs

    def load(self, program: AnyProgram) -> Module:
        """Load a program, compiling it if this machine has not yet."""
        if program not in self._modules:
            self._modules[program] = self.device.load(image(program, self.device.target))
        return self._modules[program]

    def launch(self, program: AnyProgram, name: str, threads: int, block: int, arguments: Sequence[Argument]) -> None:
        """Queue a kernel with one thread for each of ``threads`` items, in blocks of ``block``; none for no items."""
        if threads > 0:
            self.launch_blocks(program, name, -(-threads // block), block, arguments)

    def launch_blocks(
        self, program: AnyProgram, name: str, blocks: int, block: int, arguments: Sequence[Argument]
    ) -> None:
        """Queue a kernel on ``blocks`` blocks."""
        key = program, name
        if key not in self._kernels:
            self._kernels[key] = self.load(program).kernel(name)
        self.device.launch(self._kernels[key], (blocks, 1, 1), (block, 1, 1), arguments, self.compute)

    # --- memory

    @contextlib.contextmanager
    def scope(self) -> Iterator[Scope]:
        """Memory that is given back, in the order of the compute stream, when the ``with`` block ends."""
        scope = Scope(self)
        try:
            yield scope
        finally:
            scope.release()

    def allocate(self, size_bytes: int) -> Memory:
        """Memory for the compute stream, uninitialised; at least one byte."""
        return self.device.allocate(max(size_bytes, 1), self.compute)

    def upload(self, target: Memory, source: npt.NDArray[Any]) -> None:
        """Copy an array to memory of the compute stream, behind what is queued; kernels queued later see it."""
        self._in_order.queue(target, source)

    def send(self, source: npt.NDArray[Any]) -> Arrival:
        """Begin to copy an array to memory of its own on the copy stream; kernels queued now do not hold it up."""
        memory = self.device.allocate(max(source.nbytes, 1), self.copies)
        self._ahead.queue(memory, source)
        return Arrival(self, memory)

    def ahead(self, parts: Iterable[tuple[Tag, npt.NDArray[Any]]]) -> Generator[tuple[Tag, Arrival], None, None]:
        """Send parts in turn, each while the device works on the one before; two are on the device at once.

        What the caller queues between two steps of the iterator is the work on a part. A step then sends the next part
        and gives the memory of this one back. So results of a part are best waited for behind the step that follows.
        Close the iterator where it is left early.
        """
        present: Arrival | None = None
        try:
            for tag, source in parts:
                following = self.send(source)
                if present is not None:
                    present.release()
                present = following
                yield tag, present
        finally:
            if present is not None:
                present.release()

    def download(self, source: Memory, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Download:
        """Begin to copy memory of the compute stream to the host, behind all that is queued there.

        On the compute stream: on the copy stream, what is sent ahead would wait behind it for the kernels.
        """
        size_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        buffer = self.device.allocate_pinned(max(size_bytes, 1))[:size_bytes]
        if size_bytes:
            self.device.download(buffer, source.view(0, size_bytes), self.compute)
        download = Download(buffer, self.compute.record(), dtype, shape)
        while self._downloads and self._downloads[0].arrived:
            self._downloads.popleft()
        self._downloads.append(download)
        return download

    def synchronize(self) -> None:
        """Wait for everything that is queued, so that the memory it uses may go."""
        self.compute.synchronize()
        self.copies.synchronize()


class Scope:
    """See :meth:`Session.scope`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._held: list[Memory] = []

    def allocate(self, size_bytes: int) -> Memory:
        """Memory for the compute stream, uninitialised."""
        memory = self._session.allocate(size_bytes)
        self._held.append(memory)
        self._session.scratch.take(memory.size_bytes)
        return memory

    def zeros(self, size_bytes: int) -> Memory:
        """Memory for the compute stream, all zero."""
        memory = self.allocate(size_bytes)
        self._session.device.fill(memory, 0, self._session.compute)
        return memory

    def uploaded(self, array: npt.NDArray[Any]) -> Memory:
        """Memory with an array's bytes."""
        memory = self.allocate(array.nbytes)
        self._session.upload(memory, array)
        return memory

    def keep_all(self) -> tuple[Memory, ...]:
        """Take all memory out: it outlives the block and is the caller's to free."""
        held, self._held = tuple(self._held), []
        self._session.scratch.give_back(sum(memory.size_bytes for memory in held))
        return held

    def release(self) -> None:
        """Give everything back."""
        while self._held:
            memory = self._held.pop()
            self._session.scratch.give_back(memory.size_bytes)
            self._session.device.free(memory)
