"""Registers, spills and instructions of the compiled CUDA kernels, from ptxas and the disassembler. Needs no GPU."""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from kernels.cuda.images import INDEX, AnyProgram, IndexProgram, Program, compile_program
from kernels.cuda.numba_compiler import compile_kernels, nvvm_version
from kernels.cuda.nvrtc import Nvrtc

REGISTERS_OF_A_MULTIPROCESSOR = 65536
SHARED_BYTES_UNASKED = 48 << 10
_REGISTER_UNIT = 8
_WARP = 32
_THREADS = {
    "count_digits": 256,
    "scatter_digits": 256,
    "scan_blocks": 256,
    "add_offsets": 256,
    "sum_rows": 64,
    "transform_down": 256,
    "transform_up": 256,
}
_USUAL_THREADS = 128
_INSTRUCTION = re.compile(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)")
_LABEL = re.compile(r"(\$[\w$]+):\s*$")
_SECTION = re.compile(r"\s*\.section\s+\.text\.(\w+)")


@dataclass
class Resources:
    """What a kernel takes, as ptxas says."""

    kernel: str
    registers: int = 0
    stack_bytes: int = 0
    spill_bytes: int = 0
    shared_bytes: int = 0

    @property
    def threads(self) -> int:
        """Threads of a block, as the launch code has it."""
        return _THREADS.get(self.kernel, _USUAL_THREADS)

    @property
    def blocks(self) -> int:
        """Blocks of a multiprocessor that its registers hold at once."""
        each = -(-self.registers // _REGISTER_UNIT) * _REGISTER_UNIT
        return REGISTERS_OF_A_MULTIPROCESSOR // (each * self.threads)

    @property
    def warps(self) -> int:
        """Warps of a multiprocessor that its registers hold at once."""
        return self.blocks * self.threads // _WARP


@dataclass
class Instructions:
    """Instructions of one function, padding left out."""

    by_opcode: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All of them."""
        return self.by_opcode.total()

    @property
    def wide(self) -> int:
        """32 x 32 + 64 bit multiply-adds."""
        return sum(count for opcode, count in self.by_opcode.items() if opcode.startswith("IMAD.WIDE"))

    @property
    def other(self) -> int:
        """All but the wide multiply-adds."""
        return self.total - self.wide


@dataclass(frozen=True)
class Listing:
    """A program compiled for one target.

    Attributes
    ----------
    functions
        Instructions by kernel, and by kernel and called function: ``("accumulate", "base_product")``.
    """

    program: AnyProgram
    target: str
    compiler: tuple[int, int]
    resources: dict[str, Resources]
    functions: dict[tuple[str, str], Instructions]

    @property
    def compiler_name(self) -> str:
        """For people: ``"NVRTC 13.0"``, or NVVM, through which Numba compiles."""
        name = "NVVM" if isinstance(self.program, IndexProgram) else "NVRTC"
        return f"{name} {self.compiler[0]}.{self.compiler[1]}"

    def called(self, kernel: str, function: str) -> Instructions:
        """A function that a kernel calls."""
        return self.functions[kernel, function]


def find_nvdisasm() -> Path | None:
    """The disassembler of the wheel or of a toolkit; None where there is none."""
    spec = importlib.util.find_spec("nvidia")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for found in Path(place).glob("*/bin/nvdisasm"):
            return found
    on_path = shutil.which("nvdisasm")
    return Path(on_path) if on_path else None


@functools.cache
def listing(program: Program, compiler: Nvrtc, target: str, disassembler: Path | None = None) -> Listing:
    """Compile a program and read what came out, once a process; without a disassembler, resources alone."""
    compiled = compile_program(program, compiler, target, "--ptxas-options=-v")
    functions = _functions(compiled.image, disassembler) if disassembler else {}
    return Listing(program, target, compiler.version, _resources(compiled.log), functions)


@functools.cache
def index_listing(target: str, disassembler: Path | None = None) -> Listing:
    """The same of the kernels that Numba compiles. Their shared memory nvJitLink does not tell; the PTX does."""
    compiled = compile_kernels(target)
    ptx = compile_kernels(target.replace("sm_", "compute_")).image.decode()
    resources = _resources(compiled.log)
    for kernel, size_bytes in re.findall(r"^\.shared .*\b(\w+)_shared_\d+\[(\d+)\]", ptx, re.MULTILINE):
        resources[kernel].shared_bytes += int(size_bytes)
    functions = _functions(compiled.image, disassembler) if disassembler else {}
    return Listing(INDEX, target, nvvm_version(), resources, functions)


def _resources(log: str) -> dict[str, Resources]:
    found: dict[str, Resources] = {}
    kernel = Resources("")
    for line in log.splitlines():
        if entry := re.search(r"Compiling entry function '(\w+)'", line):
            kernel = found.setdefault(entry[1], Resources(entry[1]))
        if frame := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            kernel.stack_bytes = max(kernel.stack_bytes, int(frame[1]))
            kernel.spill_bytes += int(frame[2]) + int(frame[3])
        if used := re.search(r"Used (\d+) registers", line):
            kernel.registers = int(used[1])
        if cumulative := re.search(r"(\d+) bytes cumulative stack size", line):
            kernel.stack_bytes = int(cumulative[1])
        if shared := re.search(r"(\d+) bytes smem", line):
            kernel.shared_bytes = int(shared[1])
    return found


def _functions(image: bytes, disassembler: Path) -> dict[tuple[str, str], Instructions]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as cubin:
        cubin.write(image)
        cubin.flush()
        command = [str(disassembler), "-c", cubin.name]
        text = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout  # noqa: S603 - our own file
    functions: dict[tuple[str, str], Instructions] = {}
    kernel = function = ""
    for line in text.splitlines():
        if section := _SECTION.match(line):
            kernel, function = section[1], ""
        elif label := _LABEL.match(line):
            function = _short(label[1])
        elif (instruction := _INSTRUCTION.match(line)) and instruction[1] != "NOP":
            functions.setdefault((kernel, function), Instructions()).by_opcode[instruction[1]] += 1
    return functions


def _short(label: str) -> str:
    """The name in a mangled label such as ``$accumulate$_ZN..._1212base_productE7Element...``."""
    names = ("base_product", "base_squared", "fp2_product", "fp2_squared", "element_product", "element_squared")
    others = ("scalar_product", "double_in_place", "add_affine", "to_affine", "inverse")
    found = [name for name in (*names, *others) if f"{len(name)}{name}" in label]
    if found:
        return found[0]
    return "add" if "3add" in label else label
