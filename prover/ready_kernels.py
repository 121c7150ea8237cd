"""The kernels of a worker: compiled, or read from disk, before the first job needs them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import kernels
from kernels.cpu.compilation import Compiled, observe_compilation
from kernels.cuda.device import DeviceError
from kernels.cuda.device_backend import DeviceBackend
from kernels.cuda.nvrtc import NvrtcError
from prover.computed_once import ComputedOnce
from prover.errors import DeviceFault
from prover.warm_up import warm_up

if TYPE_CHECKING:
    from kernels.backend import Backend


class ReadyKernels:
    """Makes each curve's kernels ready once, however many threads want them. See :func:`prover.warm_up.warm_up`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._curves: ComputedOnce[str, None] = ComputedOnce(len(kernels.CURVES))
        self._compiled: list[Compiled] = []
        self._started_at = time.monotonic()

    def __len__(self) -> int:
        return len(self._compiled)

    @property
    def uptime_s(self) -> float:
        """Since this was made."""
        return time.monotonic() - self._started_at

    def await_curve(self, name: str) -> None:
        """Return when the kernels of a curve are ready.

        Raises
        ------
        DeviceFault
            If they did not pass their first proof.
        """
        self._curves.get(name, lambda: self._compile(name))

    def progress(self) -> dict[str, Any]:
        """See :meth:`prover.worker.ProverWorker.progress`."""
        ready = list(self._compiled)
        return {
            "kernels": len(ready),
            "compiled": sum(not kernel.from_cache for kernel in ready),
            "latest": ready[-1].kernel if ready else "",
            "seconds": self.uptime_s,
        }

    def _compile(self, curve: str) -> None:
        try:
            if isinstance(self._backend, DeviceBackend):
                self._backend.prepare_device()
            with observe_compilation(self._compiled.append):
                warm_up(curve, self._backend)
        except (DeviceError, NvrtcError) as error:
            raise DeviceFault(f"{error}; see `fastpath-prover doctor`") from None
