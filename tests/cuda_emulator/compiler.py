"""LLVM IR of translated functions to machine code, kept on disk by the hash of what it was made from.

No compiler of the system is needed: LLVM comes with Numba. A program's functions are separate objects, so that a change
in one kernel compiles that kernel alone.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
import threading
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from kernels.cuda.nvrtc import find_nvrtc
from tests.cuda_emulator.ptx import Program
from tests.cuda_emulator.translator import Kernel, Translation, key_of

_OPTIMISATION_LEVEL = 1
_CODE_MODEL = "large"  # objects may lie far apart


def _machine() -> llvm.TargetMachine:
    """A new one: an engine owns the machine it is given."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=_OPTIMISATION_LEVEL,
        reloc="static",
        codemodel=_CODE_MODEL,
        jit=True,
    )


@functools.cache
def _stamp() -> str:
    """All that the code depends on besides its IR."""
    machine = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    return repr((llvmlite.__version__, llvm.llvm_version_info, machine, _OPTIMISATION_LEVEL, _CODE_MODEL))


@functools.cache
def cache_folder() -> Path:
    """Where compiled functions are kept: beside the compiled kernels of the CPU; a temporary folder if need be."""
    named = os.environ.get("FASTPATH_PROVER_CACHE_DIR")
    root = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "fastpath-prover"
    folder = root / "cuda-emulator"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="fastpath-prover-cuda-emulator-"))
    return folder


def write_atomically(file: Path, content: bytes) -> None:
    """Put a file into the cache; a full disk costs the next run time, nothing else."""
    with contextlib.suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).replace(file)


def _compile(ir: str) -> bytes:
    module = llvm.parse_assembly(ir)
    module.triple = llvm.get_default_triple()
    module.verify()
    machine = _machine()
    options = llvm.create_pipeline_tuning_options(speed_level=_OPTIMISATION_LEVEL)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def compiled_source(source: str, name: str, target: str, *options: str) -> bytes:
    """PTX of CUDA C++, from NVRTC or from the cache; for the many small and mutated kernels of the tests."""
    compiler = find_nvrtc()
    digest = hashlib.sha256(repr((source, name, target, options, compiler.version)).encode()).hexdigest()
    file = cache_folder() / f"{digest}.ptx"
    try:
        return file.read_bytes()
    except OSError:
        image = compiler.compile(source, name, target, options).image
        write_atomically(file, image)
        return image


def object_code(ir: str) -> bytes:
    """Compiled IR, from the cache if it is there."""
    file = cache_folder() / f"{key_of(ir, _stamp())}.o"
    try:
        return file.read_bytes()
    except OSError:
        code = _compile(ir)
        write_atomically(file, code)
        return code


class CompiledProgram:
    """A program whose kernels are compiled when they are first asked for."""

    def __init__(self, program: Program, *, checked: bool) -> None:
        self.translation = Translation(program, checked=checked)
        module = llvm.parse_assembly("")
        module.triple = llvm.get_default_triple()
        self._engine = llvm.create_mcjit_compiler(module, _machine())
        self._linked: set[str] = set()
        self._entries: dict[str, tuple[Kernel, int]] = {}
        self._lock = threading.Lock()  # devices of several threads share a program

    def kernel(self, name: str) -> tuple[Kernel, int]:
        """A kernel and the address of its entry; raises KeyError where the program has none of that name."""
        with self._lock:
            return self._kernel(name)

    def _kernel(self, name: str) -> tuple[Kernel, int]:
        if name not in self._entries:
            function = self.translation.program.functions[name]
            if not function.is_entry:
                raise KeyError(name)
            kernel = None
            for needed in self.translation.needed_by(name):
                translated = self.translation.translate(needed)
                if needed not in self._linked:
                    self._engine.add_object_file(llvm.ObjectFileRef.from_data(object_code(translated.ir)))
                    self._linked.add(needed)
                kernel = translated.kernel
            assert kernel is not None
            self._engine.finalize_object()
            self._entries[name] = kernel, self._engine.get_function_address(f"enter {name}")
        return self._entries[name]
