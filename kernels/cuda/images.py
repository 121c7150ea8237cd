"""The programs that run on a device, compiled once per machine and kept on disk.

A program is one of the ``.cu`` files for one curve (and group), or the kernels that Numba compiles. Images live in a
folder named by a hash of the sources and of the compiler, beside the CPU's compiled kernels.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from kernels.cpu.compilation import kernel_cache_folder
from kernels.cuda.constants import constants_header
from kernels.cuda.numba_compiler import compile_kernels, compiler_versions
from kernels.cuda.nvrtc import Compilation, Nvrtc, find_nvrtc
from kernels.curves import Curve, Group

Source = Literal["elements", "ntt", "msm"]
_SOURCES = resources.files("kernels.cuda") / "sources"
_log = logging.getLogger(__name__)
_compiling = threading.Lock()  # two at once would only share the cores


@dataclass(frozen=True)
class Program:
    """What is compiled.

    Attributes
    ----------
    group
        Of ``msm``; unused by the others.
    field
        Of ``elements``: ``"Fr"``, or in tests ``"Fp"``.
    """

    source: Source
    curve: Curve
    group: Group = "g1"
    field: Literal["Fr", "Fp"] = "Fr"

    @property
    def name(self) -> str:
        """For people and for file names, for instance ``"bls12_381.msm.g2"``."""
        variant = {"msm": f".{self.group}", "elements": f".{self.field.lower()}", "ntt": ""}[self.source]
        return f"{self.curve.name}.{self.source}{variant}"

    def text(self) -> str:
        """The whole source with its headers in place; needs no include path."""
        chosen = {"GROUP": "1" if self.group == "g1" else "2", "ELEMENT_FIELD": self.field}
        defines = [f"#define {name} {value}" for name, value in chosen.items()]
        member = "#define DEVICE_MEMBER static __device__ __forceinline__"
        seen: set[str] = set()
        return "\n".join([*defines, member, constants_header(self.curve), _expanded(f"{self.source}.cu", seen)])


@dataclass(frozen=True)
class IndexProgram:
    """:mod:`kernels.cuda.index_kernels`, the same for every curve."""

    name: str = "index"

    def text(self) -> str:
        """The source."""
        return (resources.files("kernels.cuda") / "index_kernels.py").read_text(encoding="utf-8")


INDEX = IndexProgram()


AnyProgram = Program | IndexProgram


def programs(curve: Curve) -> list[Program]:
    """All programs of a curve."""
    return [
        Program("elements", curve),
        Program("ntt", curve),
        Program("msm", curve, "g1"),
        Program("msm", curve, "g2"),
    ]


def _expanded(name: str, seen: set[str]) -> str:
    """A source with every ``#include`` replaced by the file, once."""
    if name in seen:
        return ""
    seen.add(name)
    lines = (_SOURCES / name).read_text(encoding="utf-8").splitlines()
    out = [f'#line 1 "{name}"']
    for number, line in enumerate(lines, 2):
        included = re.fullmatch(r'#include "(.+)"', line)
        out += [_expanded(included[1], seen), f'#line {number} "{name}"'] if included else [line]
    return "\n".join(out)


@cache
def program_text(program: AnyProgram) -> str:
    """:meth:`Program.text`, kept."""
    return program.text()


def compile_program(program: Program, compiler: Nvrtc, target: str, *options: str) -> Compilation:
    """Compile now, without the disk."""
    return compiler.compile(program_text(program), program.name, target, options)


def image(program: AnyProgram, target: str, compiler: Nvrtc | None = None) -> bytes:
    """The image of a program for a target, from disk or compiled (some seconds).

    Raises
    ------
    NvrtcError
        If there is no compiler, or it does not know the target.
    """
    if isinstance(program, IndexProgram):
        return _kept(program, target, compiler_versions(), lambda: compile_kernels(target))
    chosen = compiler or find_nvrtc()
    return _kept(program, target, chosen.version, lambda: compile_program(program, chosen, target))


def _kept(program: AnyProgram, target: str, version: tuple[object, ...], compiled: Callable[[], Compilation]) -> bytes:
    stamp = hashlib.sha256(repr((program_text(program), target, version)).encode()).hexdigest()[:20]
    kept = _folder() / f"{program.name}.{target}.{stamp}"
    with _compiling:
        if kept.exists():
            return kept.read_bytes()
        started = time.perf_counter()
        made = compiled().image
        _log.info(
            "compiled %s for %s in %.1f s (kept for later runs)", program.name, target, time.perf_counter() - started
        )
        _keep(kept, made)
    return made


def _folder() -> Path:
    folder = kernel_cache_folder().parent / "cuda"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _keep(path: Path, content: bytes) -> None:
    with contextlib.suppress(OSError):  # a full disk costs the next start time, nothing else
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).replace(path)
