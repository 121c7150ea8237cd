"""The little of CUDA that the launch code needs, behind which a real card and the tests' emulated one stand.

Everything that works on device memory is queued on a stream and runs later, in the order of that stream and in no order
with other streams, unless an event says so. There is no default stream and nothing synchronises by itself. The rules
that the emulated device holds its callers to:

* Memory is garbage until something wrote it. Allocation never zeroes.
* Memory belongs to the stream it was allocated on. :meth:`Device.free`, or dropping the last reference to the memory
  and its views, gives it back in the order of *that* stream: work queued on it before may still use the memory, work of
  another stream may not, unless the home stream has waited for an event recorded behind that work.
* Host memory of :meth:`Device.allocate_pinned` that a queued copy reads or writes must stay referenced, and must not
  be touched, until an event recorded behind the copy is done.
* A device belongs to the thread that made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

HostBytes = npt.NDArray[np.uint8]
Dim3 = tuple[int, int, int]


class DeviceError(RuntimeError):
    """A device refused or failed a call."""


class DeviceOutOfMemoryError(DeviceError):
    """An allocation does not fit; the device is healthy. Free memory, :meth:`Device.trim`, or use smaller chunks.

    Attributes
    ----------
    requested_bytes
        Size of the allocation that failed.
    """

    def __init__(self, requested_bytes: int) -> None:
        self.requested_bytes = requested_bytes
        super().__init__(f"{requested_bytes} bytes do not fit on the device; free memory or use smaller chunks")


class DeviceFaultError(DeviceError):
    """The device or its context is lost (illegal access, failed launch, hardware error).

    Every later call on the device raises it as well: only a new process gets a working context.
    """


@dataclass(frozen=True)
class DeviceLimits:
    """What a launch may ask for.

    Attributes
    ----------
    threads_per_block
        Most threads in a block, all dimensions multiplied.
    block, grid
        Most threads and blocks in each dimension.
    shared_bytes_per_block
        Most shared memory of a block, static and dynamic together, opt-in included.
    multiprocessors
        Number of multiprocessors, for sizing grids.
    """

    threads_per_block: int = 1024
    block: Dim3 = (1024, 1024, 64)
    grid: Dim3 = (2**31 - 1, 65535, 65535)
    shared_bytes_per_block: int = 48 * 1024
    multiprocessors: int = 1


@dataclass(frozen=True)
class MemoryInfo:
    """Memory of a device in bytes; ``free_bytes`` includes what our own pool holds unused."""

    free_bytes: int
    total_bytes: int


class Memory(Protocol):
    """A range of device memory: an allocation or a view into one, which keeps it alive."""

    @property
    def size_bytes(self) -> int:
        """Length of the range."""
        ...

    def view(self, offset_bytes: int, size_bytes: int) -> Memory:
        """A part of the range, at no cost; raises ValueError where it is not inside.

        Allocations are aligned to 256 bytes. The alignment of a view is the caller's: a kernel that loads 16 bytes at a
        time from an odd view faults.
        """
        ...


class Event(Protocol):
    """A place in a stream, recorded by :meth:`Stream.record`."""

    @property
    def done(self) -> bool:
        """Whether the stream has passed the place; never blocks."""
        ...

    def synchronize(self) -> None:
        """Block until the stream has passed the place; raises what went wrong on the device up to there."""
        ...

    def seconds_since(self, earlier: Event) -> float:
        """Device time between two events that are done, in seconds."""
        ...


class Stream(Protocol):
    """A queue of device work."""

    def record(self) -> Event:
        """An event behind everything queued so far."""
        ...

    def wait(self, event: Event) -> None:
        """Hold back what is queued from here on until an event of another stream is done; never blocks the caller."""
        ...

    def synchronize(self) -> None:
        """Block until the stream is empty; raises what went wrong on the device up to there."""
        ...


class Kernel(Protocol):
    """An ``extern "C" __global__`` function of a loaded module; valid as long as the module is referenced."""

    @property
    def name(self) -> str:
        """Its name in the source."""
        ...


class Module(Protocol):
    """A compiled image on a device."""

    def kernel(self, name: str) -> Kernel:
        """The kernel of that name; raises KeyError where the image has none."""
        ...


Argument = Memory | np.generic
"""A kernel argument: memory for a pointer, a NumPy scalar (``np.uint32(n)``) for a value.

The bytes of a scalar are passed as they are, so its dtype must be the type in the kernel's signature. Python integers
have no size and are refused.
"""


class Device(Protocol):
    """One GPU, used by one thread.

    Every method may raise :class:`DeviceFaultError`, also for work queued long before. Work that fails is reported by a
    later call on the device, at the latest by the synchronisation that covers it.
    """

    @property
    def name(self) -> str:
        """Name of the product, for people."""
        ...

    @property
    def target(self) -> str:
        """The ``--gpu-architecture`` that its images are compiled for.

        ``sm_90`` and the like ask for machine code (a cubin), ``compute_90`` and the like for PTX.
        """
        ...

    @property
    def limits(self) -> DeviceLimits:
        """What a launch may ask for."""
        ...

    def memory_info(self) -> MemoryInfo:
        """Free and total memory now."""
        ...

    def load(self, image: bytes) -> Module:
        """Load an image compiled for :attr:`target`; raises :class:`DeviceError` where it does not fit the device."""
        ...

    def new_stream(self) -> Stream:
        """A stream that is ordered with no other."""
        ...

    def allocate(self, size_bytes: int, stream: Stream) -> Memory:
        """Device memory of at least one byte for use on ``stream``, from a pool, uninitialised.

        May be what ``stream`` freed just before. Other streams may use it once they have waited for an event of
        ``stream``.

        Raises
        ------
        DeviceOutOfMemoryError
            Where it does not fit, unused memory of the pool given back.
        """
        ...

    def free(self, memory: Memory) -> None:
        """Give an allocation (not a view) back in the order of the stream it was allocated on.

        The memory and its views must not be used any more. Work on other streams that uses it must be waited for by the
        home stream first.
        """
        ...

    def trim(self) -> None:
        """Give what the pool holds unused back to the driver; waits for the device."""
        ...

    def allocate_pinned(self, size_bytes: int) -> HostBytes:
        """Page-locked host memory, ``uint8[size_bytes]``, uninitialised; freed when nothing refers to it any more."""
        ...

    def upload(self, target: Memory, source: HostBytes, stream: Stream) -> None:
        """Queue a copy of pinned host memory to the device.

        ``source`` is all or a contiguous part of :meth:`allocate_pinned`; sizes must be equal, or ValueError. It is
        read when the stream gets there: keep it referenced and unchanged until an event behind the copy is done.
        """
        ...

    def download(self, target: HostBytes, source: Memory, stream: Stream) -> None:
        """Queue a copy of device memory to pinned host memory, under the same rules as :meth:`upload`."""
        ...

    def copy(self, target: Memory, source: Memory, stream: Stream) -> None:
        """Queue a copy between two ranges of equal size that do not overlap."""
        ...

    def fill(self, memory: Memory, byte: int, stream: Stream) -> None:
        """Queue setting every byte of a range to ``byte``, 0 to 255."""
        ...

    def launch(
        self,
        kernel: Kernel,
        grid: Dim3,
        block: Dim3,
        arguments: Sequence[Argument],
        stream: Stream,
        *,
        shared_bytes: int = 0,
    ) -> None:
        """Queue a kernel.

        Parameters
        ----------
        grid, block
            Blocks, and threads a block, in x, y, z; each at least 1 (an empty grid is an error on every device: skip
            the launch) and within :attr:`limits`.
        arguments
            One for each parameter of the kernel, in order; memory is kept referenced until the kernel was queued, not
            until it ran.
        shared_bytes
            Dynamic shared memory of a block, above 48 KiB too where :attr:`limits` allows.
        """
        ...
