"""Memory, streams, events, modules and errors of CuPy in the terms of :mod:`kernels.cuda.device`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kernels.cuda.device import DeviceError, DeviceFaultError, DeviceOutOfMemoryError

_OUT_OF_MEMORY = 2
_NO_USABLE_DRIVER = frozenset({35, 100, 101})  # too old, no device, no such device
_WRONG_IMAGE = frozenset({98, 200, 209, 218, 222, 500})  # not for this device or driver, or no such kernel


class Errors:
    """Turns CuPy's errors into ours, and remembers when the device is lost.

    What is not known to leave the context whole loses the device: an illegal access or a failed launch does.
    """

    def __init__(self, cupy: Any) -> None:  # noqa: ANN401 - CuPy has no types
        self._out_of_memory: type[Exception] = cupy.cuda.memory.OutOfMemoryError
        self._failures: tuple[type[Exception], ...] = (
            cupy.cuda.runtime.CUDARuntimeError,
            cupy.cuda.driver.CUDADriverError,
        )
        self._lost: DeviceFaultError | None = None

    @contextlib.contextmanager
    def translated(self, requested_bytes: int = 0) -> Iterator[None]:
        """Around every call of CuPy."""
        if self._lost is not None:
            raise self._lost
        try:
            yield
        except self._out_of_memory as error:
            raise DeviceOutOfMemoryError(requested_bytes) from error
        except self._failures as error:
            raise self._of(error, getattr(error, "status", -1), requested_bytes) from error

    def _of(self, error: Exception, status: int, requested_bytes: int) -> DeviceError:
        if status == _OUT_OF_MEMORY:
            return DeviceOutOfMemoryError(requested_bytes)
        if status in _NO_USABLE_DRIVER:
            return DeviceError(f"no usable GPU: {error}; see `fastpath-prover doctor`")
        if status in _WRONG_IMAGE:
            return DeviceError(f"the compiled kernels do not load: {error}; see `fastpath-prover doctor`")
        self._lost = DeviceFaultError(f"the GPU failed: {error}; only a new process can use it again")
        return self._lost


@dataclass
class CupyMemory:
    """See :class:`kernels.cuda.device.Memory`. ``pointer`` (a ``cupy.cuda.MemoryPointer``) keeps the allocation."""

    pointer: Any
    size_bytes: int

    def view(self, offset_bytes: int, size_bytes: int) -> CupyMemory:
        """A part of the range."""
        if offset_bytes < 0 or size_bytes < 0 or offset_bytes + size_bytes > self.size_bytes:
            raise ValueError(f"view of {size_bytes} bytes at {offset_bytes} of a range of {self.size_bytes} bytes")
        return CupyMemory(self.pointer + offset_bytes, size_bytes)


@dataclass(frozen=True)
class CupyEvent:
    """See :class:`kernels.cuda.device.Event`."""

    cupy: Any
    errors: Errors
    event: Any

    @property
    def done(self) -> bool:
        """Whether the stream has passed it."""
        with self.errors.translated():
            return bool(self.event.done)

    def synchronize(self) -> None:
        """Block until the stream has passed it."""
        with self.errors.translated():
            self.event.synchronize()

    def seconds_since(self, earlier: CupyEvent) -> float:
        """Device time between two events."""
        with self.errors.translated():
            return float(self.cupy.cuda.get_elapsed_time(earlier.event, self.event)) / 1e3


@dataclass(frozen=True)
class CupyStream:
    """See :class:`kernels.cuda.device.Stream`."""

    cupy: Any
    errors: Errors
    stream: Any

    def record(self) -> CupyEvent:
        """An event behind everything queued so far."""
        with self.errors.translated():
            return CupyEvent(self.cupy, self.errors, self.stream.record())

    def wait(self, event: CupyEvent) -> None:
        """Hold back what is queued from here on."""
        with self.errors.translated():
            self.stream.wait_event(event.event)

    def synchronize(self) -> None:
        """Block until the stream is empty."""
        with self.errors.translated():
            self.stream.synchronize()


@dataclass(frozen=True)
class CupyKernel:
    """See :class:`kernels.cuda.device.Kernel`."""

    name: str
    handle: int
    module: CupyModule


@dataclass(frozen=True)
class CupyModule:
    """See :class:`kernels.cuda.device.Module`; unloaded with the process."""

    cupy: Any
    errors: Errors
    handle: int

    def kernel(self, name: str) -> CupyKernel:
        """The kernel of that name."""
        try:
            with self.errors.translated():
                return CupyKernel(name, self.cupy.cuda.driver.moduleGetFunction(self.handle, name), self)
        except DeviceFaultError:
            raise
        except DeviceError:
            raise KeyError(name) from None
