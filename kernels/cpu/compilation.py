"""Compile kernels once per machine, ahead of any job, and say so while it happens.

Numba's own cache looks only at the file of the jitted function; ours are instantiated from formulas and IR builders
in other files, so a change there would leave a stale kernel behind. Compiled kernels therefore live in a folder
named by a hash of every CPU kernel source, of the compiler versions and of the CPU: any change makes a new folder.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import pickle
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding
import numba
from numba import njit, types
from numba.core import compiler
from numba.core.caching import _Cache
from numba.core.serialize import dumps

from kernels.cpu.linked_library import KernelCompiler

_log = logging.getLogger(__name__)
Function = TypeVar("Function", bound=Callable[..., Any])

U64 = types.Array(types.uint64, 1, "C", readonly=True)  # plasma arrays are read-only; writable ones convert
U64_OUT = types.Array(types.uint64, 1, "C")
I64 = types.Array(types.int64, 1, "C", readonly=True)
I64_OUT = types.Array(types.int64, 1, "C")
I32 = types.Array(types.int32, 1, "C", readonly=True)
I32_OUT = types.Array(types.int32, 1, "C")
U32 = types.Array(types.uint32, 1, "C", readonly=True)
U32_OUT = types.Array(types.uint32, 1, "C")
U8 = types.Array(types.uint8, 1, "C", readonly=True)
U8_OUT = types.Array(types.uint8, 1, "C")


_INNER = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)


@dataclass(frozen=True)
class Compiled:
    """One kernel became ready.

    Attributes
    ----------
    kernel
        Its name, for instance ``"bls12_381.g1.msm"``.
    seconds
        Time it took.
    from_cache
        Whether it was read from disk instead of compiled.
    """

    kernel: str
    seconds: float
    from_cache: bool


_compiling = threading.RLock()  # re-entrant: factories use each other; the compiler itself works for one at a time
_observers: list[Callable[[Compiled], None]] = []


@contextlib.contextmanager
def observe_compilation(observer: Callable[[Compiled], None]) -> Iterator[None]:
    """Call ``observer`` for every kernel that becomes ready inside the ``with`` block, on the compiling thread."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def _announce(event: Compiled) -> None:
    if not event.from_cache:
        _log.info("compiled kernel %s in %.1f s (kept for later runs)", event.kernel, event.seconds)
    for observer in tuple(_observers):
        observer(event)


@functools.cache
def _stamp() -> str:
    """Hash of everything a compiled kernel depends on."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for source in sorted((*package.glob("*.py"), *package.glob("cpu/*.py"), *package.glob("formulas/*.py"))):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    versions = (sys.version, numba.__version__, llvmlite.__version__)
    cpu = (llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten())
    digest.update(repr((versions, cpu)).encode())
    return digest.hexdigest()[:20]


@functools.cache
def kernel_cache_folder() -> Path:
    """Folder of the compiled kernels of these sources on this CPU.

    ``FASTPATH_PROVER_CACHE_DIR``, else ``XDG_CACHE_HOME``, else ``~/.cache``; a private temporary folder when that
    cannot be written.
    """
    named = os.environ.get("FASTPATH_PROVER_CACHE_DIR")
    root = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "fastpath-prover"
    folder = root / "kernels" / _stamp()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        folder = Path(tempfile.mkdtemp(prefix="fastpath-prover-kernels-"))
        _log.warning("cannot keep compiled kernels (%s); set FASTPATH_PROVER_CACHE_DIR to a writable folder", error)
    return folder


class _KernelCache(_Cache):  # type: ignore[misc]  # numba is untyped
    """Numba's cache interface over one file per kernel in :func:`kernel_cache_folder`."""

    def __init__(self, name: str) -> None:
        self._file = kernel_cache_folder() / f"{name}.kernel"
        self.hit = False

    @property
    def cache_path(self) -> str:
        return str(self._file.parent)

    def load_overload(self, _signature: Any, target_context: Any) -> Any:
        try:
            payload = pickle.loads(self._file.read_bytes())  # noqa: S301 - our own file in the user's own folder
        except (OSError, EOFError, pickle.UnpicklingError):
            return None
        # Rebuilding links object code against NRT and the helper library, which refresh() makes known.
        target_context.refresh()
        self.hit = True
        return compiler.CompileResult._rebuild(target_context, *payload)  # noqa: SLF001 - no public form exists

    def save_overload(self, _signature: Any, result: Any) -> None:
        with contextlib.suppress(OSError):  # a full disk costs the next start time, nothing else
            handle, temporary = tempfile.mkstemp(dir=self._file.parent)
            with os.fdopen(handle, "wb") as stream:
                stream.write(dumps(result._reduce()))  # noqa: SLF001 - no public form exists
            Path(temporary).replace(self._file)

    def enable(self) -> None:
        """Nothing to do: always enabled."""

    def disable(self) -> None:
        """Nothing to do: always enabled."""

    def flush(self) -> None:
        self._file.unlink(missing_ok=True)


def compiled_once(factory: Function) -> Function:
    """Cache what a factory of kernels returns, as :func:`functools.cache`, but let one thread make it.

    Threads that need the same kernels at the same time would otherwise all compile them, one after the other.
    """
    made: dict[tuple[Any, ...], Any] = {}

    @functools.wraps(factory)
    def get(*key: Any) -> Any:
        if key not in made:
            with _compiling:
                if key not in made:
                    made[key] = factory(*key)
        return made[key]

    return get  # type: ignore[return-value]


class KernelSet:
    """Names and compiles the functions that one instantiation of a kernel family defines.

    Numba links functions by qualified name, and the same source is instantiated for several fields; the set's name
    in front keeps their symbols apart, in this process and in the cache.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def inner(self, function: Function) -> Function:
        """Compile ``function`` for use by kernels of this set; it becomes part of them."""
        function.__qualname__ = f"{self.name}.{function.__name__}"
        return _INNER(function)  # type: ignore[no-any-return]

    def kernel(self, *arguments: Any, returns: Any = types.void) -> Callable[[Function], Function]:
        """Compile a function that Python calls, for exactly these argument types; loads it from disk when it can."""

        def compile_now(function: Function) -> Function:
            started = time.perf_counter()
            name = f"{self.name}.{function.__name__}"
            function.__qualname__ = name
            dispatcher = njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, pipeline_class=KernelCompiler)(
                function
            )
            cache = _KernelCache(name)
            dispatcher._cache = cache  # noqa: SLF001 - the only way to give numba another cache
            dispatcher.compile(returns(*arguments))
            dispatcher.disable_compile()
            _announce(Compiled(name, time.perf_counter() - started, cache.hit))
            return dispatcher  # type: ignore[no-any-return]

        return compile_now


@_INNER  # type: ignore[untyped-decorator]  # numba is untyped
def copy_words(out: Any, start: int, source: Any, first: int, words: int) -> None:
    """Copy ``words`` words; slice assignments do the same but take a second each to compile."""
    for w in range(words):
        out[start + w] = source[first + w]
