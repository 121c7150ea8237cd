"""The thread that owns a device: it opens it, and every call on it runs there, one after the other."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from kernels.cuda.device import DeviceError, DeviceOutOfMemoryError
from kernels.cuda.memory_plan import table_budget, work_budget
from kernels.cuda.residents import Residents
from kernels.cuda.session import STAGING_BYTES, Session

if TYPE_CHECKING:
    from kernels.cuda.device import Device

Result = TypeVar("Result")


class Work:
    """What a call on the device's thread is given.

    Attributes
    ----------
    residents
        What stays between calls.
    budget_bytes
        What jobs have beside it at least.
    """

    def __init__(self, device: Device, staging_bytes: int) -> None:
        self.device = device
        self.session = Session(device, staging_bytes)
        free_bytes = device.memory_info().free_bytes
        self.residents = Residents(self.session, table_budget(free_bytes))
        self.budget_bytes = work_budget(free_bytes)

    def free_bytes(self) -> int:
        """Memory that a job can have now."""
        return self.device.memory_info().free_bytes

    def make_room(self) -> None:
        """After an allocation failed: give back all that is not in use."""
        self.residents.shrink(0)
        self.session.synchronize()
        self.device.trim()


class DeviceOwner:
    """Runs calls on a device's own thread.

    Parameters
    ----------
    open_device
        Called on the thread, at the first call. What it raises, every call raises.

    Notes
    -----
    The thread is a daemon and ends with :meth:`close` or the process. A call that raises leaves the device usable
    unless the error is :class:`~kernels.cuda.device.DeviceFaultError`.
    """

    def __init__(self, open_device: Callable[[], Device], staging_bytes: int = STAGING_BYTES) -> None:
        self._open, self._staging_bytes = open_device, staging_bytes
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._work: Work | None = None
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def call(self, job: Callable[[Work], Result]) -> Result:
        """Run ``job`` on the device's thread and return what it returns, or raise what it raises.

        When an allocation fails, the job runs again once, with all residents evicted.
        """
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(self._run(job))
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller
                future.set_exception(error)

        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="device-owner", daemon=True)
                self._thread.start()
        self._calls.put(run)
        return future.result()

    def discard(self, token: int) -> None:
        """See :meth:`kernels.cuda.residents.Residents.discard`."""
        if self._work is not None:
            self._work.residents.discard(token)

    def close(self) -> None:
        """End the thread, behind the calls it has."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._calls.put(None)
            thread.join()

    def _serve(self) -> None:
        while (run := self._calls.get()) is not None:
            run()
        if self._work is not None:
            with contextlib.suppress(DeviceError):  # a lost device has nothing queued any more
                self._work.session.synchronize()
        self._work = None

    def _run(self, job: Callable[[Work], Result]) -> Result:
        work = self._opened()
        try:
            try:
                return job(work)
            except DeviceOutOfMemoryError:
                work.residents.end_use()
                work.make_room()
            return job(work)
        finally:
            work.residents.end_use()

    def _opened(self) -> Work:
        if self._failure is not None:
            raise self._failure
        if self._work is None:
            try:
                self._work = Work(self._open(), self._staging_bytes)
            except Exception as error:
                self._failure = error if isinstance(error, DeviceError) else DeviceError(f"no GPU: {error}")
                raise self._failure from error
        return self._work
