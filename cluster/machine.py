"""The machine and the versions that a figure was measured with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import llvmlite.binding

import kernels

PACKAGES: Final = ("numpy", "numba", "llvmlite", "ray", "prometheus-client")
FEATURES: Final = ("bmi2", "adx", "avx2", "avx512f", "avx512ifma")
"""CPU features that matter to the arithmetic, slowest kernels first."""


def machine_document() -> dict[str, Any]:
    """Describe the machine, as JSON."""
    return {
        "cpu": cpu_model(),
        "cpu_features": cpu_features(),
        "cpus": usable_cpus(),
        "memory_bytes": memory_bytes(),
        "system": platform.platform(),
    }


def versions_document() -> dict[str, str]:
    """Name the versions of the project, of Python and of what they rest on, as JSON."""
    return {
        "fastpath-prover": kernels.__version__,
        "python": platform.python_version(),
        **{package: package_version(package) for package in PACKAGES},
    }


def package_version(package: str) -> str:
    """Version of an installed distribution, or ``"missing"``."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def usable_cpus() -> int:
    """CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model() -> str:
    """The CPU's name as it gives it itself, else its architecture."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def cpu_features() -> list[str]:
    """Those of :data:`FEATURES` that the CPU has."""
    present = llvmlite.binding.get_host_cpu_features()
    return [feature for feature in FEATURES if present.get(feature, False)]


def memory_bytes() -> int:
    """Memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
