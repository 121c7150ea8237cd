"""Run a circom witness calculator in a sandbox, within limits of time and memory.

A calculator can compute, and nothing else: it has no files, no clock and no network. Nothing of Python runs inside:
what it imports is WebAssembly of ours (``calculator_runtime.wat``), so that calculators run in parallel, and one call
moves a whole array of signals.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import wasmtime

from kernels.curves import CURVES, Curve
from kernels.encoding import limbs_from_ints
from prover.computed_once import ComputedOnce
from prover.errors import BadInput

if TYPE_CHECKING:
    from kernels.encoding import Limbs

VERSION: Final = 2
"""Of circom's interface."""
MOST_TIME_S: Final = 1e6
MOST_MEMORY_BYTES: Final = 1 << 32
_TICK_S: Final = 0.05
_PAGE_BYTES: Final = 1 << 16
_ELEMENT_BYTES: Final = 32
_WORDS: Final = 8
_MESSAGE_AT, _VALUES_AT = 16, 1024
_HASH_OFFSET, _HASH_PRIME = 0xCBF29CE484222325, 0x100000001B3
"""FNV-1a of 64 bits."""
_RUNTIME: Final = ("exceptionHandler", "printErrorMessage", "writeBufferMessage", "showSharedRWMemory")
"""What a calculator may import."""
_INDIRECT: Final = {  # numbers of parameters and results, all i32; called by our module, in this order
    "getMessageChar": (0, 1),
    "writeSharedRWMemory": (2, 0),
    "readSharedRWMemory": (1, 1),
    "setInputSignal": (3, 0),
    "getWitness": (1, 0),
}
_DIRECT: Final = {
    "getVersion": (0, 1),
    "getFieldNumLen32": (0, 1),
    "getRawPrime": (0, 0),
    "getWitnessSize": (0, 1),
    "getInputSize": (0, 1),
    "getInputSignalSize": (2, 1),
    "init": (1, 0),
}
_LOOPS: Final = {"give": (3, 0), "take": (1, 0)}
_FOREIGN: Final = f"it is no witness calculator of circom {VERSION}"
_WHERE: Final = re.compile(rb"Error in template \w{1,100} line: \d{1,9}", re.ASCII)
"""The messages of a failed assertion; whatever else a calculator may say could hold values."""
_EXCEPTIONS = {
    1: "a signal is not found",
    2: "too many signals are set",
    3: "a signal is set twice",
    4: "an assertion or constraint does not hold",
    5: "its own memory is full",
    6: "an input's array is accessed outside its size",
    7: "an array is accessed out of bounds",
}


@dataclass(frozen=True)
class CalculatorLimits:
    """What one witness may cost. Compiling the module, which happens once, has no limit but its size.

    Attributes
    ----------
    time_s
        Seconds of the wall clock from the start of a calculation, above 0 and at most :data:`MOST_TIME_S`.
    memory_bytes
        Of the calculator's memory, above 0 and at most the :data:`MOST_MEMORY_BYTES` that it can address.

    Raises
    ------
    BadInput
        If a value is outside these bounds.
    """

    time_s: float = 300.0
    memory_bytes: int = 2 << 30

    def __post_init__(self) -> None:
        if not 0 < self.time_s <= MOST_TIME_S:
            raise BadInput(f"a calculator's limit of time must be above 0 and at most {MOST_TIME_S:g} seconds")
        if not 0 < self.memory_bytes <= MOST_MEMORY_BYTES:
            raise BadInput(f"a calculator's limit of memory must be above 0 and at most {MOST_MEMORY_BYTES >> 20} MiB")


class CalculatorInstance:
    """One instance of a calculator, from its creation to the end of the ``with`` block."""

    def __init__(self, module: wasmtime.Module, limits: CalculatorLimits) -> None:
        self._module, self._limits = module, limits

    def __enter__(self) -> Self:
        _CLOCK.enter()
        try:
            self._instantiate()
        except BaseException:
            _CLOCK.leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _CLOCK.leave()

    def _instantiate(self) -> None:
        store = self._store = wasmtime.Store(_engine())
        store.set_limits(self._limits.memory_bytes, table_elements=1 << 20, instances=2, tables=8, memories=2)
        store.set_epoch_deadline(math.ceil(self._limits.time_s / _TICK_S) + 1)
        own = wasmtime.Instance(store, _runtime(), []).exports(store)
        memory, table = own["memory"], own["calculator"]
        assert isinstance(memory, wasmtime.Memory)
        assert isinstance(table, wasmtime.Table)
        self._memory = memory
        self._loops = {name: _function(store, own, name, arity) for name, arity in _LOOPS.items()}
        imports = []
        for wanted in self._module.imports:
            if wanted.module != "runtime" or wanted.name not in _RUNTIME:
                name = f"{wanted.module}.{wanted.name}"[:80]
                raise BadInput(f"the module imports {name!r}: {_FOREIGN}")
            imports.append(own[wanted.name])
        try:
            exports = wasmtime.Instance(store, self._module, imports).exports(store)
        except wasmtime.Trap as trap:
            raise self._refusal(trap) from None
        except wasmtime.WasmtimeError as error:
            raise BadInput(self._link_message(str(error))) from None
        self._functions = {
            name: _function(store, exports, name, arity) for name, arity in (_DIRECT | _INDIRECT).items()
        }
        for place, name in enumerate(_INDIRECT):
            table.set(store, place, self._functions[name])

    def _link_message(self, message: str) -> str:
        if "memory" in message and "limit" in message:
            return f"the calculator needs more memory than {self._limits.memory_bytes >> 20} MiB; raise the limit"
        return f"the module cannot be instantiated ({message.splitlines()[0][:200]}): {_FOREIGN}"

    def _call(self, function: wasmtime.Func, *arguments: int) -> int:
        """Call a function; its result modulo 2^32, or 0."""
        try:
            result = function(self._store, *arguments)
        except wasmtime.Trap as trap:
            raise self._refusal(trap) from None
        return result & 0xFFFFFFFF if isinstance(result, int) else 0

    def _refusal(self, trap: wasmtime.Trap) -> BadInput:
        """The error behind the end of a calculation."""
        code = trap.trap_code
        if code == wasmtime.TrapCode.INTERRUPT:
            return BadInput(f"the calculation took longer than {self._limits.time_s:g} s; raise the limit")
        if code == wasmtime.TrapCode.STACK_OVERFLOW:
            return BadInput(
                "the calculator recursed too deeply: its stack is full; make the circuit's functions recurse less"
            )
        raised, exception, length = np.frombuffer(self._memory.read(self._store, 0, 12), "<u4").tolist()
        if not raised:
            return BadInput(
                f"the calculator failed ({code.name.lower() if code else 'trap'}): damaged; compile the circuit again"
            )
        message = bytes(self._memory.read(self._store, _MESSAGE_AT, _MESSAGE_AT + length))
        where = "; ".join(found.decode("ascii") for found in _WHERE.findall(message))
        what = _EXCEPTIONS.get(exception, "the circuit raised an unknown exception")
        return BadInput(f"the circuit does not accept these inputs: {what}{f' ({where})' if where else ''}")

    def number(self, name: str, *arguments: int) -> int:
        """Call a function of the calculator."""
        return self._call(self._functions[name], *arguments)

    def curve(self) -> Curve:
        """Check version and length of an element; find the curve by the prime."""
        if (version := self.number("getVersion")) != VERSION:
            raise BadInput(f"the calculator is of circom {version}; compile the circuit with circom {VERSION}")
        words = self.number("getFieldNumLen32")
        if words == _WORDS:
            self.number("getRawPrime")
            prime = sum(self.number("readSharedRWMemory", word) << 32 * word for word in range(words))
            for curve in CURVES:
                if curve.fr.modulus == prime:
                    return curve
        known = ", ".join(f"{curve.name} ({'/'.join(curve.aliases)})" for curve in CURVES)
        raise BadInput(f"the circuit works over the scalar field of no curve known here ({known})")

    def variables(self) -> int:
        """Length of a witness."""
        count = self.number("getWitnessSize")
        if not 0 < count * _ELEMENT_BYTES <= self._limits.memory_bytes:
            raise BadInput(f"the calculator claims witnesses of {count} elements, more than its memory may hold")
        return count

    def start(self) -> None:
        """Make ready for inputs, with every assertion checked. A circuit without inputs is computed here."""
        self.number("init", 1)

    def signal_size(self, name: str) -> int:
        """Number of values of an input signal; 0 if there is no such signal."""
        size = self.number("getInputSignalSize", *_hash(name))
        return 0 if size >= 1 << 31 else size

    def give(self, name: str, numbers: Sequence[int]) -> None:
        """Set an input signal. The last one sets off the computation."""
        self._reserve(len(numbers))
        self._memory.write(self._store, limbs_from_ints(numbers, 4).tobytes(), _VALUES_AT)
        self._call(self._loops["give"], *_hash(name), len(numbers))

    def take(self, count: int) -> Limbs:
        """The witness."""
        self._reserve(count)
        self._call(self._loops["take"], count)
        content = self._memory.read(self._store, _VALUES_AT, _VALUES_AT + _ELEMENT_BYTES * count)
        return np.frombuffer(content, dtype="<u8").reshape(count, 4).astype(np.uint64, copy=True)

    def _reserve(self, count: int) -> None:
        missing = _VALUES_AT + _ELEMENT_BYTES * count - self._memory.data_len(self._store)
        if missing > 0:
            try:
                self._memory.grow(self._store, -(-missing // _PAGE_BYTES))
            except wasmtime.WasmtimeError:
                raise BadInput(
                    f"{count} values need more memory than {self._limits.memory_bytes >> 20} MiB; raise the limit"
                ) from None


class _Clock:
    """Counts ticks for all running calculations: a store's deadline is a number of ticks of its engine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._thread: threading.Thread | None = None

    def enter(self) -> None:
        with self._lock:
            self._running += 1
            if self._thread is None or not self._thread.is_alive():  # dead in the child of a fork
                self._thread = threading.Thread(target=self._tick, name="witness-calculator-clock", daemon=True)
                self._thread.start()

    def leave(self) -> None:
        with self._lock:
            self._running -= 1

    def _tick(self) -> None:
        while True:
            time.sleep(_TICK_S)
            with self._lock:
                if not self._running:
                    self._thread = None
                    return
            _engine().increment_epoch()


_CLOCK = _Clock()
_modules: ComputedOnce[str, wasmtime.Module] = ComputedOnce(capacity=16)


@functools.cache
def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.wasm_threads = False
    config.wasm_memory64 = False
    with contextlib.suppress(OSError, wasmtime.WasmtimeError):  # without a cache everything works, later
        config.cache = str(_cache_settings())
    return wasmtime.Engine(config)


def _cache_settings() -> Path:
    """A settings file for wasmtime's cache of compiled modules, beside the compiled kernels.

    ``FASTPATH_PROVER_CACHE_DIR``, else ``XDG_CACHE_HOME``, else ``~/.cache``; wasmtime keeps it below half a GiB.
    """
    named = os.environ.get("FASTPATH_PROVER_CACHE_DIR")
    root = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "fastpath-prover"
    folder = root.absolute() / "calculators"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = folder / "wasmtime.toml"
    content = f"[cache]\ndirectory = {json.dumps(str(folder))}\n"
    if not settings.exists() or settings.read_text(encoding="utf-8") != content:
        settings.write_text(content, encoding="utf-8")
    return settings


@functools.cache
def _runtime() -> wasmtime.Module:
    source = files("prover").joinpath("calculator_runtime.wat").read_text(encoding="utf-8")
    return wasmtime.Module(_engine(), source)


def compiled_calculator(module: bytes) -> wasmtime.Module:
    """Compile a module, once in this process.

    Raises
    ------
    BadInput
        If it is no WebAssembly module, or damaged.
    """
    if not module.startswith(b"\0asm"):
        raise BadInput("the file is no WebAssembly module; circom writes one with --wasm")
    return _modules.get(hashlib.sha256(module).hexdigest(), lambda: _compile(module))


def _compile(module: bytes) -> wasmtime.Module:
    try:
        return wasmtime.Module(_engine(), module)
    except wasmtime.WasmtimeError as error:
        raise BadInput(f"the WebAssembly module is damaged: {str(error).splitlines()[0][:200]}") from None


def _hash(name: str) -> tuple[int, int]:
    """Halves of the hash by which a calculator knows an input signal, as signed numbers of 32 bits."""
    value = _HASH_OFFSET
    for byte in name.encode("utf-8", "replace"):
        value = (value ^ byte) * _HASH_PRIME & 0xFFFFFFFFFFFFFFFF
    high, low = divmod(value, 1 << 32)
    return high - (high >> 31 << 32), low - (low >> 31 << 32)


def _function(store: wasmtime.Store, exports: Mapping[str, object], name: str, arity: tuple[int, int]) -> wasmtime.Func:
    """A function of a module, of that many parameters and results.

    Raises
    ------
    BadInput
        If there is none, or it has another type.
    """
    function = exports.get(name)
    if not isinstance(function, wasmtime.Func):
        raise BadInput(f"the module has no function {name}: {_FOREIGN}")
    kind = function.type(store)
    all_i32 = all(str(part) == "i32" for part in (*kind.params, *kind.results))
    if not all_i32 or (len(kind.params), len(kind.results)) != arity:
        raise BadInput(f"function {name} of the module has another type: {_FOREIGN}")
    return function
