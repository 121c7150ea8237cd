"""``fastpath-prover doctor``: is this machine ready, and if not, what to do."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import kernels
from cluster.exit_codes import ExitCode
from cluster.machine import (
    PACKAGES,
    cpu_features,
    cpu_model,
    machine_document,
    memory_bytes,
    package_version,
    usable_cpus,
    versions_document,
)
from cluster.progress import compilation_shown
from cluster.rendering import Console, byte_size, counted, duration
from cluster.self_test import self_test
from cluster.service import discover
from cluster.settings import Settings, load_settings
from kernels.cpu.compilation import Compiled, kernel_cache_folder, observe_compilation
from kernels.cuda.device import DeviceError
from kernels.cuda.inspection import GpuInstallation, inspect
from kernels.cuda.nvrtc import NvrtcError
from kernels.cuda.self_test import SelfTestError
from kernels.cuda.self_test import self_test as gpu_self_test
from kernels.selection import cuda_backend
from prover.errors import BadInput, ProverError
from prover.key_store import list_keys, load_key
from prover.warm_up import warm_up

_LEAST_SHARED_MEMORY: Final = 1 << 30
_LEAST_MEMORY: Final = 2 << 30
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where Ray keeps its objects
_OLDEST_PYTHON: Final = (3, 11)
_NEWEST_PYTHON: Final = (3, 14)
_GPU_WRONG: Final = "look at nvidia-smi and at the kernel's log; the CPU proves meanwhile"
_WRONG: Final = "run make test; if it fails, look at the machine's memory and CPU"
_SIGNS: Final = {"ok": ("✓", "+", "green"), "warning": ("!", "!", "yellow"), "failure": ("✗", "x", "red")}

Status = Literal["ok", "warning", "failure"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    fix
        What to do about it; empty when all is well.
    """

    check: str
    status: Status
    found: str
    fix: str = ""


def run(options: argparse.Namespace, console: Console) -> int:
    """Look at everything, say what was found, and return 1 if something must be fixed first."""
    settings = load_settings(options.settings, config=options.config)
    findings = list(_examine(settings, console, warm=options.warm))
    failed = any(finding.status == "failure" for finding in findings)
    warned = any(finding.status == "warning" for finding in findings)
    document = {
        "healthy": not failed,
        "findings": [asdict(finding) for finding in findings],
        "machine": machine_document(),
        "versions": versions_document(),
    }
    console.result(document, _text(console, findings, failed, warned))
    return ExitCode.FAILED if failed else ExitCode.OK


def _examine(settings: Settings, console: Console, *, warm: bool) -> Iterator[Finding]:
    yield _python()
    yield from map(_package, PACKAGES)
    yield _cpu()
    yield _memory()
    yield _shared_memory()
    yield _threads(settings)
    yield _backend(settings)
    yield from _gpu(settings, inspect())
    yield _key_directory(settings)
    yield _kernel_cache()
    running = discover(settings)
    yield Finding("service", "ok", f"runs at {running.address}" if running else "not running")
    if running is None:
        for name in ("ray_port", "dashboard_port", "metrics_port"):
            yield _port(name, getattr(settings, name))
    with compilation_shown(console):
        if warm:
            yield _kernels(settings)
        for curve in kernels.CURVES:
            yield _self_test(curve)


def _python() -> Finding:
    supported = _OLDEST_PYTHON <= sys.version_info[:2] <= _NEWEST_PYTHON
    fix = "" if supported else "use Python 3.11 to 3.14, for instance: make PYTHON=python3.12 demo"
    return Finding("Python", "ok" if supported else "failure", sys.version.split()[0], fix)


def _package(name: str) -> Finding:
    found = package_version(name)
    if found == "missing":
        return Finding(name, "failure", found, "install the project with its lock file: make demo")
    if name == "ray" and not found.startswith("2.60."):
        return Finding(name, "failure", found, "this project is made for Ray 2.60: pip install 'ray[default]==2.60.*'")
    return Finding(name, "ok", found)


def _cpu() -> Finding:
    return Finding("CPU", "ok", f"{cpu_model()}, {usable_cpus()} usable; {' '.join(cpu_features()) or 'no extensions'}")


def _memory() -> Finding:
    total = memory_bytes()
    if total < _LEAST_MEMORY:
        return Finding("memory", "warning", byte_size(total), "Ray and one worker want 2 GiB; expect swapping")
    return Finding("memory", "ok", byte_size(total))


def _shared_memory() -> Finding:
    name = str(_SHARED_MEMORY)
    if not _SHARED_MEMORY.is_dir():
        return Finding(name, "warning", "missing", "Ray will keep its objects on disk; mount a tmpfs there")
    size = shutil.disk_usage(_SHARED_MEMORY)
    found = f"{byte_size(size.free)} free of {byte_size(size.total)}"
    if size.free < _LEAST_SHARED_MEMORY:
        fix = "Ray will keep its objects on disk; in a container give it more: docker run --shm-size=2g"
        return Finding(name, "warning", found, fix)
    return Finding(name, "ok", found)


def _threads(settings: Settings) -> Finding:
    cpus = usable_cpus()
    found = f"{counted(settings.threads, 'proving thread')} on {counted(cpus, 'CPU')}"
    if settings.threads > cpus:
        return Finding(
            "threads", "warning", found, f"more threads than CPUs only slow each other: PROVER_THREADS={cpus}"
        )
    return Finding("threads", "ok", found)


def _backend(settings: Settings) -> Finding:
    return Finding("backend", "ok", kernels.get_backend(settings.backend).name)


def _gpu(settings: Settings, found: GpuInstallation) -> Iterator[Finding]:
    """Driver, CuPy and NVRTC; then the device itself, with its self-test."""
    wanted: Status = "failure" if settings.backend == "cuda" else "warning"
    if not found.cards and found.driver_cuda is None:
        fix = "there is no NVIDIA GPU here; set another backend" if wanted == "failure" else ""
        yield Finding("GPU", wanted if fix else "ok", "none: the CPU proves", fix)
        return
    parts = [f"{counted(found.cards, 'card')}, driver {found.driver_version or 'not loaded'}"]
    if found.driver_cuda:
        parts.append("CUDA {}.{}".format(*found.driver_cuda))
    parts += [f"cupy-cuda{major}x {version}" for major, version in found.cupy.items()]
    parts += ["NVRTC {}.{}".format(*version) for version in found.nvrtc]
    parts += [f"numba-cuda {found.numba_cuda}"] if found.numba_cuda else []
    problem = found.problem()
    if problem is not None:
        yield Finding("GPU", wanted, f"{problem[0]} ({', '.join(parts)})", problem[1])
        return
    yield Finding("GPU", "ok", ", ".join(parts))
    yield _gpu_device(wanted)


def _gpu_device(wanted: Status) -> Finding:
    """Open the first device, compile for it, and compare it with the CPU."""
    cuda, started = cuda_backend(), time.perf_counter()
    try:
        name, target, memory = cuda.run_on_device(
            lambda work: (work.device.name, work.device.target, work.free_bytes())
        )
        gpu_self_test(cuda, cuda.cpu)
    except (DeviceError, NvrtcError, SelfTestError) as error:
        return Finding("GPU self-test", wanted, str(error), _GPU_WRONG)
    finally:
        cuda.close()
    took = duration(time.perf_counter() - started)
    return Finding("GPU self-test", "ok", f"{name}, {target}, {byte_size(memory)} free; right in {took}")


def _key_directory(settings: Settings) -> Finding:
    folder = settings.key_dir
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        return Finding(
            "keys", "failure", f"{folder} cannot be written", "set FASTPATH_PROVER_KEY_DIR to your own folder"
        )
    damaged = []
    key_ids = list_keys(folder)
    for key_id in key_ids:
        try:
            load_key(folder, key_id)
        except BadInput:
            damaged.append(str(folder / key_id))
    if damaged:
        return Finding("keys", "failure", f"damaged: {', '.join(damaged)}", f"remove them: rm -r {' '.join(damaged)}")
    return Finding("keys", "ok", f"{folder} ({_keys(len(key_ids))})")


def _keys(number: int) -> str:
    return f"{counted(number, 'key')}, all intact" if number else "empty"


def _kernel_cache() -> Finding:
    folder = kernel_cache_folder()
    compiled = list(folder.glob("*.kernel"))
    found = f"{folder} ({counted(len(compiled), 'kernel')}, {byte_size(sum(file.stat().st_size for file in compiled))})"
    if folder.parent.name != "kernels":
        fix = "kernels are compiled at every start; set FASTPATH_PROVER_CACHE_DIR to a writable folder"
        return Finding("kernel cache", "warning", found, fix)
    return Finding("kernel cache", "ok", found if compiled else f"{folder} (empty: the first run compiles, once)")


def _port(name: str, port: int) -> Finding:
    label = name.replace("_", " ")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            fix = f"stop what uses it, or choose another: fastpath-prover up --{name.replace('_', '-')} N"
            return Finding(label, "warning", f"{port} is taken", fix)
    return Finding(label, "ok", f"{port} is free" if port else "any")


def _kernels(settings: Settings) -> Finding:
    """Make the kernels of every curve ready, and say what that took."""
    started, ready = time.perf_counter(), list[Compiled]()
    try:
        with observe_compilation(ready.append):
            for curve in kernels.CURVES:
                warm_up(curve, kernels.get_backend(settings.backend))
    except ProverError as error:
        return Finding("kernels", "failure", str(error), _WRONG)
    compiled, took = sum(not kernel.from_cache for kernel in ready), duration(time.perf_counter() - started)
    return Finding("kernels", "ok", f"{counted(len(ready), 'kernel')} ready in {took}, {compiled} of them compiled now")


def _self_test(curve: kernels.Curve) -> Finding:
    label = f"proof on {curve.name}"
    try:
        test = self_test(curve)
    except ProverError as error:
        return Finding(label, "failure", str(error), _WRONG)
    return Finding(label, "ok", f"proved in {duration(test.prove_s)}, verified in {duration(test.verify_s)}")


def _text(console: Console, findings: list[Finding], failed: bool, warned: bool) -> str:
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        sign, plain, colour = _SIGNS[finding.status]
        shown = sign if console.can_show(sign) else plain
        lines.append(f"{console.styled(shown, colour)} {finding.check.ljust(width)}   {finding.found}")
        if finding.fix:
            lines.append(f"  {' ' * width}   {console.styled(f'fix: {finding.fix}', 'bold')}")
    if failed:
        verdict = console.styled("Not ready: fix what is marked.", "bold", "red")
    else:
        verdict = console.styled("Ready, with remarks." if warned else "Ready.", "bold", "green")
    return "\n".join([*lines, "", verdict])
