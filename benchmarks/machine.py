"""Where and with what a run was made."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("numba", "llvmlite", "numpy", "py_arkworks_bls12381")


def machine() -> dict[str, str]:
    """Processor, memory, load and operating system."""
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cpus": str(os.cpu_count()),
        "memory": _first("/proc/meminfo", "MemTotal"),
        "load average at the start": load_average(),
        "system": f"{platform.system()} {platform.release()}",
    }


def load_average() -> str:
    """Processes that wanted a CPU, over 1, 5 and 15 minutes: a machine in other use shows in every time."""
    return ", ".join(f"{load:.2f}" for load in os.getloadavg())


def versions() -> dict[str, str]:
    """Python, the packages that matter and the commit."""
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def _first(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return ""
    values = (line.partition(":")[2].strip() for line in lines if line.startswith(key))
    return next(values, "")


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return f"{commit} with uncommitted changes" if _git("status", "--porcelain", "-uno") else commit
    except (OSError, subprocess.CalledProcessError):  # a source archive
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip()  # noqa: S603 - our own
