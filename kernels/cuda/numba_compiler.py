"""Compile :mod:`kernels.cuda.index_kernels` with Numba CUDA (NVVM, then nvJitLink); needs no driver and no GPU."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from types import ModuleType
from typing import Any

from kernels.cuda.nvrtc import Compilation, NvrtcError

_INSTALL = "install fastpath-prover[cuda12] or fastpath-prover[cuda13], whichever the driver takes"
_WHEELS = ("numba", "numba-cuda", "nvidia-nvvm", "nvidia-cuda-nvcc-cu12", "nvidia-nvjitlink", "nvidia-nvjitlink-cu12")
"""What the compiled code depends on, besides its source."""


def compiler_versions() -> tuple[str, ...]:
    """Versions of all that takes part; empty strings for what is not installed."""
    return tuple(wheel_version(name) for name in _WHEELS)


def nvvm_version() -> tuple[int, int]:
    """Of the NVVM wheel here, (major, minor); (0, 0) where it came another way."""
    found = wheel_version("nvidia-nvvm") or wheel_version("nvidia-cuda-nvcc-cu12") or "0.0"
    major, minor = found.split(".")[:2]
    return int(major), int(minor)


def wheel_version(name: str) -> str:
    """Version of an installed distribution; empty where it is not."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def compile_kernels(target: str, kernels: ModuleType | None = None) -> Compilation:
    """Compile every kernel of a module for ``sm_90`` and the like (a cubin) or ``compute_90`` and the like (PTX).

    Parameters
    ----------
    kernels
        With the kernels by name, ``SIGNATURES`` and ``THREADS``; by default :mod:`kernels.cuda.index_kernels`.

    Raises
    ------
    NvrtcError
        If numba-cuda, NVVM or nvJitLink is missing, or does not know the target.
    """
    if not wheel_version("numba-cuda"):
        raise NvrtcError(f"numba-cuda is missing: {_INSTALL}")
    try:
        capability = int(target.rsplit("_", 1)[1])
        ptx = _ptx(divmod(capability, 10), kernels)
        return _linked(ptx, target) if target.startswith("sm_") else Compilation(ptx.encode(), "")
    except Exception as error:  # of three libraries, each with errors of its own
        raise NvrtcError(f"Numba does not compile its kernels for {target}: {error}; {_INSTALL}") from error


def _ptx(capability: tuple[int, int], kernels: ModuleType | None) -> str:
    """One module of all kernels, under their own names."""
    from numba import cuda  # noqa: PLC0415 - numba-cuda takes the place of what Numba has there; half a second

    module: Any = kernels or importlib.import_module("kernels.cuda.index_kernels")  # likewise
    head, bodies = "", []
    for name, signature in module.SIGNATURES.items():
        text, _ = cuda.compile(
            getattr(module, name),
            signature,
            cc=capability,
            device=False,
            abi="numba",
            output="ptx",
            launch_bounds=module.THREADS,
        )
        mangled = re.findall(r"\.entry\s+(\w+)", text)[0]
        text = re.sub(r"_cudapy_smem_(\d+)", rf"{name}_shared_\1", text.replace(mangled, name))
        head, body = _split(text)
        bodies.append(body)
    return "\n".join([head, *bodies])


def _split(text: str) -> tuple[str, str]:
    """What stands once in a module, and what one kernel adds, less what Numba keeps for Python and nobody reads."""
    first, line, rest = text.partition("\n.address_size 64\n")
    body = re.sub(r"^\.common .*NumbaEnv.*$", "", rest, flags=re.MULTILINE)
    return first + line, body.replace(".visible .shared", ".shared")


def _linked(ptx: str, target: str) -> Compilation:
    from cuda.core import Linker, LinkerOptions, ObjectCode  # noqa: PLC0415 - with numba-cuda

    options = LinkerOptions(arch=target, ptxas_options=["-v"])
    linker = Linker(ObjectCode.from_ptx(ptx.encode(), name="index_kernels"), options=options)
    code = linker.link("cubin").code
    return Compilation(bytes(code), linker.get_info_log())
