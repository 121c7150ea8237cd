"""A real GPU through CuPy: :class:`kernels.cuda.device.Device`. The only module that imports CuPy, when it is used."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from kernels.cuda.cupy_objects import CupyKernel, CupyMemory, CupyModule, CupyStream, Errors
from kernels.cuda.device import Argument, DeviceError, DeviceLimits, Dim3, HostBytes, MemoryInfo
from kernels.cuda.nvrtc import NvrtcError, find_nvrtc

_STATIC_LIMIT = 48 << 10  # shared memory that a block may have unasked
_THREADS, _BLOCK, _GRID, _MULTIPROCESSORS, _SHARED_OPT_IN = 1, (2, 3, 4), (5, 6, 7), 16, 97  # of cudaDeviceAttr


class CupyDevice:
    """GPU number ``index`` of those that CUDA_VISIBLE_DEVICES leaves; belongs to the thread that made it.

    Raises
    ------
    DeviceError
        If CuPy, the driver, NVRTC or the device is missing or too old.
    """

    def __init__(self, index: int = 0) -> None:
        try:
            import cupy  # noqa: PLC0415 - an optional dependency, and half a second
        except ImportError as error:
            raise DeviceError("CuPy is missing: install fastpath-prover[cuda12] or fastpath-prover[cuda13]") from error
        self._cupy, self._runtime, self._driver = cupy, cupy.cuda.runtime, cupy.cuda.driver
        self._errors = Errors(cupy)
        with self._errors.translated():
            device = cupy.cuda.Device(index)
            device.use()
            self.name: str = self._runtime.getDeviceProperties(index)["name"].decode()
            self.limits = self._limits(index)
            self._pool = cupy.cuda.MemoryPool()
            driver_major = self._runtime.driverGetVersion() // 1000
            capability = int(device.compute_capability)
        try:
            self.target = find_nvrtc(driver_major).target_for(capability)
        except NvrtcError as error:
            raise DeviceError(str(error)) from error

    def _limits(self, index: int) -> DeviceLimits:
        def attribute(number: int) -> int:
            return int(self._runtime.deviceGetAttribute(number, index))

        def three(numbers: tuple[int, int, int]) -> Dim3:
            return attribute(numbers[0]), attribute(numbers[1]), attribute(numbers[2])

        shared, count = attribute(_SHARED_OPT_IN), attribute(_MULTIPROCESSORS)
        return DeviceLimits(attribute(_THREADS), three(_BLOCK), three(_GRID), shared, count)

    def memory_info(self) -> MemoryInfo:
        """Free and total memory now."""
        with self._errors.translated():
            free, total = self._runtime.memGetInfo()
        return MemoryInfo(free + self._pool.free_bytes(), total)

    def load(self, image: bytes) -> CupyModule:
        """Load an image compiled for :attr:`target`."""
        with self._errors.translated():
            return CupyModule(self._cupy, self._errors, self._driver.moduleLoadData(image))

    def new_stream(self) -> CupyStream:
        """A stream that is ordered with no other."""
        with self._errors.translated():
            return CupyStream(self._cupy, self._errors, self._cupy.cuda.Stream(non_blocking=True))

    def allocate(self, size_bytes: int, stream: CupyStream) -> CupyMemory:
        """Memory from the pool's part for a stream."""
        with self._errors.translated(size_bytes), stream.stream:
            return CupyMemory(self._pool.malloc(size_bytes), size_bytes)

    def free(self, memory: CupyMemory) -> None:
        """Give memory back; the pool hands it out on its own stream alone, behind what is queued there."""
        memory.pointer = None

    def trim(self) -> None:
        """Give what the pool holds unused back to the driver."""
        with self._errors.translated():
            self._runtime.deviceSynchronize()
            self._pool.free_all_blocks()

    def allocate_pinned(self, size_bytes: int) -> HostBytes:
        """Page-locked host memory."""
        with self._errors.translated(size_bytes):
            return np.frombuffer(self._cupy.cuda.alloc_pinned_memory(size_bytes), np.uint8, size_bytes)

    def upload(self, target: CupyMemory, source: HostBytes, stream: CupyStream) -> None:
        """Queue a copy of pinned host memory to the device."""
        self._copy((target.pointer.ptr, target.size_bytes), (source.ctypes.data, source.nbytes), 1, stream)

    def download(self, target: HostBytes, source: CupyMemory, stream: CupyStream) -> None:
        """Queue a copy of device memory to pinned host memory."""
        self._copy((target.ctypes.data, target.nbytes), (source.pointer.ptr, source.size_bytes), 2, stream)

    def copy(self, target: CupyMemory, source: CupyMemory, stream: CupyStream) -> None:
        """Queue a copy within the device."""
        self._copy((target.pointer.ptr, target.size_bytes), (source.pointer.ptr, source.size_bytes), 3, stream)

    def _copy(self, target: tuple[int, int], source: tuple[int, int], kind: int, stream: CupyStream) -> None:
        if target[1] != source[1]:
            raise ValueError(f"a copy of {source[1]} bytes into {target[1]}")
        with self._errors.translated():
            self._runtime.memcpyAsync(target[0], source[0], source[1], kind, stream.stream.ptr)

    def fill(self, memory: CupyMemory, byte: int, stream: CupyStream) -> None:
        """Queue setting every byte of a range."""
        with self._errors.translated():
            self._runtime.memsetAsync(memory.pointer.ptr, byte, memory.size_bytes, stream.stream.ptr)

    def launch(
        self,
        kernel: CupyKernel,
        grid: Dim3,
        block: Dim3,
        arguments: Sequence[Argument],
        stream: CupyStream,
        *,
        shared_bytes: int = 0,
    ) -> None:
        """Queue a kernel; each argument is passed with the bytes of its own dtype."""
        packed = [np.array(_value(argument)) for argument in arguments]
        addresses = (ctypes.c_void_p * len(packed))(*(value.ctypes.data for value in packed))
        with self._errors.translated():
            if shared_bytes > _STATIC_LIMIT:
                most: Any = self._driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
                self._driver.funcSetAttribute(kernel.handle, most, shared_bytes)
            parameters = ctypes.addressof(addresses)  # copied by the driver before the call returns
            self._driver.launchKernel(kernel.handle, *grid, *block, shared_bytes, stream.stream.ptr, parameters, 0)


def _value(argument: Argument) -> np.generic:
    if isinstance(argument, CupyMemory):
        return np.uint64(argument.pointer.ptr)
    if not isinstance(argument, np.generic):
        raise TypeError(f"a kernel argument is device memory or a NumPy scalar, not {type(argument).__name__}")
    return argument
