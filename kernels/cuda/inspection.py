"""What a machine has to compute on a GPU with, for :command:`fastpath-prover doctor`. Opens no context."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kernels.cuda.numba_compiler import wheel_version
from kernels.cuda.nvrtc import installed

_NVIDIA_VENDOR = "0x10de"
_DISPLAY_CLASSES = ("0x0300", "0x0302")
_PCI = Path("/sys/bus/pci/devices")
_DRIVER_VERSION = Path("/proc/driver/nvidia/version")
OLDEST_DRIVER_MAJOR = 12
NEWEST_EXTRA = 13


@dataclass(frozen=True)
class GpuInstallation:
    """What was found.

    Attributes
    ----------
    cards
        NVIDIA GPUs on the PCI bus.
    driver_version
        Version of the kernel driver; empty when it is not loaded.
    driver_cuda
        Newest CUDA that the driver takes, (major, minor); None without its library.
    cupy
        Installed CuPy wheels, by CUDA major: ``{12: "14.2.0"}``.
    nvrtc
        Versions of NVRTC that load.
    numba_cuda
        Version of numba-cuda; empty where it is not installed.
    """

    cards: int
    driver_version: str
    driver_cuda: tuple[int, int] | None
    cupy: dict[int, str]
    nvrtc: tuple[tuple[int, int], ...]
    numba_cuda: str

    def problem(self) -> tuple[str, str] | None:
        """What keeps the GPU from being used, and what to do; None where nothing does."""
        return next(self._problems(), None)

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.driver_cuda is None:
            yield "no NVIDIA driver is loaded", "install NVIDIA's driver; in a container, start it with --gpus all"
            return
        major, minor = self.driver_cuda
        if major < OLDEST_DRIVER_MAJOR:
            yield f"the driver takes CUDA {major}.{minor}, too old", "update the driver to one of CUDA 12 or newer"
        install = f"pip install 'fastpath-prover[{'cuda13' if major >= NEWEST_EXTRA else 'cuda12'}]'"
        wheels = [f"cupy-cuda{number}x" for number in sorted(self.cupy)]
        remove = f"pip uninstall -y {' '.join(wheels)}"
        if len(wheels) > 1:
            yield f"{' and '.join(wheels)} overwrite each other's files", f"{remove} && {install}"
        if not wheels:
            yield "CuPy is not installed", install
        if any(wheel > major for wheel in self.cupy):
            yield f"{wheels[0]} needs a newer driver than one of CUDA {major}.{minor}", f"{remove} && {install}"
        if not [version for version in self.nvrtc if version[0] <= major]:
            yield "there is no NVRTC that the driver takes", install
        if not self.numba_cuda:
            yield "numba-cuda is not installed", install


def inspect() -> GpuInstallation:
    """Look at this machine."""
    return GpuInstallation(
        count_cards(),
        _driver_version(),
        _driver_cuda(),
        _cupy_wheels(),
        tuple(sorted(compiler.version for compiler in installed())),
        wheel_version("numba-cuda"),
    )


def count_cards(devices: Path = _PCI) -> int:
    """NVIDIA GPUs on the PCI bus, driver or not."""
    count = 0
    for device in devices.glob("*") if devices.is_dir() else ():
        vendor, kind = device / "vendor", device / "class"
        if vendor.exists() and vendor.read_text(encoding="ascii").strip() == _NVIDIA_VENDOR:
            count += kind.read_text(encoding="ascii").startswith(_DISPLAY_CLASSES)
    return count


def _driver_version() -> str:
    if not _DRIVER_VERSION.exists():
        return ""
    found = re.search(r"\d+\.\d+(\.\d+)?", _DRIVER_VERSION.read_text(encoding="utf-8"))
    return found[0] if found else ""


def _driver_cuda() -> tuple[int, int] | None:
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    version = ctypes.c_int()
    if library.cuDriverGetVersion(ctypes.byref(version)):
        return None
    return version.value // 1000, version.value % 1000 // 10


def _cupy_wheels() -> dict[int, str]:
    versions = {major: wheel_version(f"cupy-cuda{major}x") for major in (11, 12, 13)}
    return {major: version for major, version in versions.items() if version}
