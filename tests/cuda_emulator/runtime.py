"""The compiled scheduler and checks, made once per machine and kept on disk."""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba
from numba import int64, uint32, void

from kernels.cpu.compilation import _KernelCache
from tests.cuda_emulator import checks, scheduler
from tests.cuda_emulator.compiler import cache_folder

_SOURCES = ("checks.py", "collectives.py", "layout.py", "native.py", "runtime.py", "scheduler.py")


@functools.cache
def _stamp() -> str:
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    cpu = (llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten())
    digest.update(repr((sys.version, numba.__version__, llvmlite.__version__, cpu)).encode())
    return digest.hexdigest()[:20]


class _Cache(_KernelCache):
    """The project's cache of Numba kernels, in the emulator's folder and under the hash of the emulator's sources."""

    def __init__(self, name: str) -> None:
        self._file = cache_folder() / f"{name}-{_stamp()}.kernel"
        self.hit = False


def _compiled(function: Any, *arguments: Any, returns: Any) -> Callable[..., Any]:
    function._cache = _Cache(function.__name__)
    function.compile(returns(*arguments))
    function.disable_compile()
    return function


_LAUNCH = int64[::1]


@functools.cache
def run_launch() -> Callable[..., int]:
    """:func:`tests.cuda_emulator.scheduler.run_launch`, compiled."""
    table = int64[:, ::1]
    return _compiled(scheduler.run_launch, _LAUNCH, table, uint32[:, ::1], int64, int64, int64, int64, returns=int64)


@functools.cache
def access_range() -> Callable[..., None]:
    """:func:`tests.cuda_emulator.checks.access_range`, compiled."""
    return _compiled(checks.access_range, _LAUNCH, int64[::1], int64, int64, int64, int64, returns=void)
