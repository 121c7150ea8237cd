"""Choose a backend by name, by environment, or by what the machine can do.

``auto`` takes a GPU where the process sees one and CuPy is installed, beside the fastest CPU backend, and falls back to
that whenever the GPU fails (:mod:`kernels.cuda.dispatch`). ``cuda`` takes the GPU or raises.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from kernels.backend import Backend

if TYPE_CHECKING:
    from kernels.cuda.backend import CudaBackend
    from kernels.cuda.device import Device

BACKEND_VARIABLE = "FASTPATH_PROVER_BACKEND"
_VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
_BACKENDS = {
    "cuda": "kernels.selection:cuda_backend",
    "ifma": "kernels.cpu.ifma:IfmaBackend",
    "portable": "kernels.cpu.portable:PortableBackend",
}
BACKEND_NAMES: tuple[str, ...] = ("auto", *_BACKENDS)


def get_backend(name: str = "auto") -> Backend:
    """Return the backend of that name; one instance a process.

    Parameters
    ----------
    name
        ``"auto"`` takes the name in the environment variable ``FASTPATH_PROVER_BACKEND``, else the fastest backend
        that runs here.

    Raises
    ------
    ValueError
        If no backend has that name, or this machine cannot run it. A named backend never falls through to another; but
        ``"cuda"`` opens its device when it is first used, and raises :class:`kernels.cuda.device.DeviceError` then.
    """
    source = "get_backend"
    if name == "auto":
        name, source = os.environ.get(BACKEND_VARIABLE, "auto"), BACKEND_VARIABLE
    if name not in BACKEND_NAMES:
        raise ValueError(f"{source}: no backend is called {name!r}; choose one of {', '.join(BACKEND_NAMES)}")
    return _fastest() if name == "auto" else _instance(name)


def cpu_backend() -> Backend:
    """The fastest backend that needs no GPU."""
    from kernels.cpu.features import has_ifma  # noqa: PLC0415 - asks the compiler, which is slow to load

    return _instance("ifma" if has_ifma() else "portable")


def sees_gpu() -> bool:
    """Whether this process is given an NVIDIA GPU and has what it takes to use one; loads nothing.

    A variable ``CUDA_VISIBLE_DEVICES`` that is empty or names no device hides them all, as it does for CUDA.
    """
    visible = os.environ.get(_VISIBLE_VARIABLE)
    hidden = visible is not None and visible.split(",")[0].strip() in {"", "-1", "NoDevFiles"}
    present = any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/dxg"))  # Linux; its subsystem in Windows
    return present and not hidden and importlib.util.find_spec("cupy") is not None


@functools.cache
def _fastest() -> Backend:
    if not sees_gpu():
        return cpu_backend()
    from kernels.cuda.dispatch import DispatchingBackend  # noqa: PLC0415 - for those who have a GPU

    return DispatchingBackend(cuda_backend(), cpu_backend())


def cuda_backend() -> CudaBackend:
    """A new backend on the first GPU, which it opens when it is first used; :func:`get_backend` keeps one."""
    from kernels.cuda.backend import CudaBackend  # noqa: PLC0415 - for those who have a GPU

    return CudaBackend(_open_device, cpu_backend())


def _open_device() -> Device:
    from kernels.cuda.cupy_device import CupyDevice  # noqa: PLC0415 - an optional dependency

    return cast("Device", CupyDevice())


@functools.cache
def _instance(name: str) -> Backend:
    module, _, backend = _BACKENDS[name].partition(":")  # by name: who computes nothing does not load compilers
    made: Backend = getattr(importlib.import_module(module), backend)()
    return made
