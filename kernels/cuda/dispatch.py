"""The backend of a process that has a GPU: the device where it pays and can be trusted, the CPU elsewhere.

Before its first use the device passes :mod:`kernels.cuda.self_test` and is timed against the CPU. From then on,
operations of at least the measured size go to the device. Whatever goes wrong there, the operation is done on the CPU:

- out of memory: the device has evicted all it could and halved the work first; the next operation tries it again,
- a fault: the device is lost to this process; its owner should restart the process (``DeviceHealth.restart``),
- a wrong result, told by :meth:`DispatchingBackend.quarantine`: the device is not used again in this process.

Each is logged once with its cause, and shown in :meth:`DispatchingBackend.health`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from kernels.backend import Array, Backend, Bases, SparseMatrix
from kernels.cuda.backend import CudaBackend
from kernels.cuda.break_even import measure_break_even
from kernels.cuda.device import DeviceError, DeviceFaultError, DeviceOutOfMemoryError
from kernels.cuda.device_backend import DeviceHealth, State
from kernels.cuda.memory_plan import DoesNotFitError
from kernels.cuda.nvrtc import NvrtcError
from kernels.cuda.on_cpu import OnCpu
from kernels.cuda.owner import Work
from kernels.cuda.self_test import SelfTestError, self_test
from kernels.curves import Curve, Group

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _TwoBases:
    """Bases of both; the CPU's are made when they are first needed."""

    device: Bases
    cpu: Callable[[], Bases]


class DispatchingBackend(OnCpu):
    """Implements :class:`kernels.backend.Backend` on a device and the CPU. Safe to share between threads.

    Parameters
    ----------
    measure
        Finds the break-even size; tests give a constant.
    """

    def __init__(
        self,
        device: CudaBackend,
        cpu: Backend,
        measure: Callable[[Backend, Backend], int] = measure_break_even,
    ) -> None:
        self.cpu = cpu
        self.name = f"cuda+{cpu.name}"
        self._device, self._measure = device, measure
        self._health = DeviceHealth()
        self._lock = threading.Lock()
        self._testing = threading.Lock()

    # --- health

    def health(self) -> DeviceHealth:
        """What is known of the device now."""
        return self._health

    def prepare_device(self) -> DeviceHealth:
        """Test and time the device now, unless that has been done."""
        with self._testing:
            if self._health.state == "untested":
                self._test()
        return self._health

    def quarantine(self, reason: str, count: int = 1) -> None:
        """Never use the device again in this process: ``count`` results of it were wrong."""
        with self._lock:
            self._health = replace(self._health, wrong_results=self._health.wrong_results + count)
        self._retire("quarantined", reason)

    def _test(self) -> None:
        try:
            opened = self._device.prepare_device()
            self_test(self._device, self.cpu)
            size = self._measure(self._device, self.cpu)
        except SelfTestError as error:
            self._retire("quarantined", str(error))
        except DeviceFaultError as error:
            self._retire("lost", str(error))
        except (DeviceError, NvrtcError, DoesNotFitError) as error:
            self._retire("absent", str(error))
        else:
            with self._lock:
                self._health = replace(
                    self._health,
                    state="healthy",
                    device=opened.device,
                    work_bytes=opened.work_bytes,
                    break_even=size,
                )
            _log.info("using %s for multiplications of %d points and more", opened.device, size)

    def _retire(self, state: State, reason: str) -> None:
        with self._lock:
            news = self._health.usable
            if news:
                self._health = replace(self._health, state=state, reason=reason)
        if news:
            _log.warning("the GPU is %s, proofs go on on the CPU (%s): %s", state, self.cpu.name, reason)

    def pays(self, size: int) -> bool:
        """Whether an operation over so many elements goes to the device."""
        return self.prepare_device().usable and size >= self._health.break_even

    def failed(self, error: Exception) -> None:
        """An operation failed on the device with this error, and the CPU does it."""
        with self._lock:
            first = self._health.fallbacks == 0
            self._health = replace(self._health, fallbacks=self._health.fallbacks + 1)
        if isinstance(error, DeviceOutOfMemoryError | DoesNotFitError):
            if first:
                _log.warning("the GPU is out of memory, the CPU (%s) does such work: %s", self.cpu.name, error)
        else:
            self._retire("lost", str(error))

    def _on_device(self, size: int, device: Callable[[], Result], cpu: Callable[[], Result]) -> Result:
        if self.pays(size):
            try:
                return device()
            except (DeviceError, NvrtcError, DoesNotFitError) as error:
                self.failed(error)
        return cpu()

    def run_on_device(self, job: Callable[[Work], Result]) -> Result:
        """Run a job on the device's thread.

        Raises
        ------
        DeviceError, DoesNotFitError
            See :class:`kernels.cuda.backend.CudaBackend`; tell :meth:`failed`, and go on on the CPU.
        """
        return self._device.owner.call(job)

    # --- Backend

    def load_bases(self, curve: Curve, group: Group, points: Array, table_bytes: int = 0) -> Bases:
        """Check the shape of ``points``; each side prepares them when it first computes with them."""
        if not self.prepare_device().usable:
            made = self.cpu.load_bases(curve, group, points, table_bytes)
            return Bases(curve, group, made.points, made, len(made))
        device = self._device.load_bases(curve, group, points, table_bytes)
        cpu = _once(lambda: self.cpu.load_bases(curve, group, device.points, table_bytes))
        return Bases(curve, group, device.points, _TwoBases(device, cpu))

    def device_bases(self, bases: Bases) -> Bases | None:
        """Bases as the device's own backend takes them; None if they were loaded when there was no device to use."""
        prepared = bases.prepared
        return prepared.device if isinstance(prepared, _TwoBases) else None

    def msm(
        self, bases: Bases, scalars: Array, threads: int = 1, should_stop: Callable[[], bool] | None = None
    ) -> Array:
        """Sum of scalars[i] * points[i]; a leading batch dimension gives one sum each."""
        prepared = bases.prepared
        if not isinstance(prepared, _TwoBases):
            return self.cpu.msm(prepared, scalars, threads, should_stop)
        return self._on_device(
            scalars.size // 4,
            lambda: self._device.msm(prepared.device, scalars, threads, should_stop),
            lambda: self.cpu.msm(prepared.cpu(), scalars, threads, should_stop),
        )

    def multiply_base(self, curve: Curve, group: Group, point: Array, scalars: Array, threads: int = 1) -> Array:
        """Multiples scalars[i] * point. On the CPU, whose window tables suit it."""
        return self.cpu.multiply_base(curve, group, point, scalars, threads)

    def multiply_points(self, curve: Curve, group: Group, points: Array, scalars: Array) -> Array:
        """Multiples scalars[i] * points[i]. On the CPU, which verification must not share with the device."""
        return self.cpu.multiply_points(curve, group, points, scalars)

    def ntt(
        self,
        curve: Curve,
        values: Array,
        inverse: bool = False,
        coset: int | None = None,
        threads: int = 1,
        should_stop: Callable[[], bool] | None = None,
    ) -> Array:
        """Evaluate on, or with ``inverse`` interpolate from, the 2^k-th roots of unity (times ``coset``)."""
        return self._on_device(
            values.size // 4,
            lambda: self._device.ntt(curve, values, inverse, coset, threads, should_stop),
            lambda: self.cpu.ntt(curve, values, inverse, coset, threads, should_stop),
        )

    def multiply(self, curve: Curve, left: Array, right: Array) -> Array:
        """Montgomery product per element. On the CPU: the way to the device costs more."""
        return self.cpu.multiply(curve, left, right)

    def add(self, curve: Curve, left: Array, right: Array) -> Array:
        """Sum per element. On the CPU."""
        return self.cpu.add(curve, left, right)

    def subtract(self, curve: Curve, left: Array, right: Array) -> Array:
        """Difference per element. On the CPU."""
        return self.cpu.subtract(curve, left, right)

    def to_montgomery(self, curve: Curve, values: Array) -> Array:
        """Standard form to Montgomery form. On the CPU."""
        return self.cpu.to_montgomery(curve, values)

    def from_montgomery(self, curve: Curve, values: Array) -> Array:
        """Montgomery form to standard form. On the CPU."""
        return self.cpu.from_montgomery(curve, values)

    def sparse_product(self, curve: Curve, matrix: SparseMatrix, vectors: Array, threads: int = 1) -> Array:
        """Matrix times vector(s). On the CPU."""
        return self.cpu.sparse_product(curve, matrix, vectors, threads)


def _once(make: Callable[[], Bases]) -> Callable[[], Bases]:
    """``make``, called at most once."""
    lock, made = threading.Lock(), list[Any]()

    def get() -> Bases:
        with lock:
            if not made:
                made.append(make())
            bases: Bases = made[0]
            return bases

    return get
