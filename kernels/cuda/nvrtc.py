"""Compile CUDA C++ with NVRTC, the compiler library of a CUDA toolkit or of its PyPI wheel; needs no driver and no GPU.

Through ctypes rather than a binding: a binding is made for one major version, and ours compile with several.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_LIBRARY_NAMES = ("libnvrtc.so.13", "libnvrtc.so.12")
_WHEEL_FOLDERS = ("cu13/lib", "cuda_nvrtc/lib")
OLDEST = (12, 4)
"""Oldest NVRTC that the sources are built with in the tests."""


class NvrtcError(RuntimeError):
    """NVRTC is missing, too old, or refused a source."""


@dataclass(frozen=True)
class Compilation:
    """Result of a compilation: the image (a cubin, or PTX text for a virtual architecture) and the compiler's log."""

    image: bytes
    log: str


class Nvrtc:
    """One NVRTC library.

    Raises
    ------
    NvrtcError
        If it cannot be loaded or is older than :data:`OLDEST`.
    """

    def __init__(self, path: str) -> None:
        try:
            self._library = ctypes.CDLL(path)
        except OSError as error:
            raise NvrtcError(f"cannot load NVRTC from {path}: {error}") from None
        self.path = path
        self.version = self._version()
        if self.version < OLDEST:
            raise NvrtcError(
                f"NVRTC {self.version[0]}.{self.version[1]} at {path} is older than {OLDEST[0]}.{OLDEST[1]}; "
                "install fastpath-prover[cuda12] or fastpath-prover[cuda13]"
            )

    def _version(self) -> tuple[int, int]:
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._check(self._library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
        return major.value, minor.value

    def architectures(self) -> list[int]:
        """Compute capabilities it generates code for, as numbers such as 90."""
        count = ctypes.c_int()
        self._check(self._library.nvrtcGetNumSupportedArchs(ctypes.byref(count)))
        found = (ctypes.c_int * count.value)()
        self._check(self._library.nvrtcGetSupportedArchs(found))
        return list(found)

    def target_for(self, capability: int) -> str:
        """The ``--gpu-architecture`` for a card: its own machine code, or PTX of the newest one that it can translate.

        Raises
        ------
        NvrtcError
            If the card is older than all that this NVRTC knows.
        """
        known = self.architectures()
        if capability in known:
            return f"sm_{capability}"
        older = [architecture for architecture in known if architecture < capability]
        if not older:
            raise NvrtcError(
                f"NVRTC {self.version[0]}.{self.version[1]} compiles for compute capability {min(known) / 10} and "
                f"newer, not {capability / 10}; install an older CUDA release"
            )
        return f"compute_{max(older)}"

    def compile(self, source: str, name: str, target: str, options: Sequence[str] = ()) -> Compilation:
        """Compile one source for ``sm_90`` and the like (a cubin) or ``compute_90`` and the like (PTX).

        Raises
        ------
        NvrtcError
            With the compiler's log.
        """
        library, program = self._library, ctypes.c_void_p()
        self._check(
            library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), f"{name}.cu".encode(), 0, None, None)
        )
        try:
            given = [f"--gpu-architecture={target}", "--std=c++17", "--device-as-default-execution-space", *options]
            array = (ctypes.c_char_p * len(given))(*(option.encode() for option in given))
            status = library.nvrtcCompileProgram(program, len(given), array)
            log = self._text(program, "ProgramLog").decode(errors="replace").strip("\0\n ")
            if status:
                raise NvrtcError(
                    f"NVRTC {self.version[0]}.{self.version[1]} does not compile {name} for {target}:\n{log}"
                )
            image = self._text(program, "CUBIN" if target.startswith("sm_") else "PTX")
        finally:
            library.nvrtcDestroyProgram(ctypes.byref(program))
        return Compilation(image, log)

    def _text(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._check(getattr(self._library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        room = ctypes.create_string_buffer(size.value)
        self._check(getattr(self._library, f"nvrtcGet{what}")(program, room))
        return room.raw[: size.value]

    def _check(self, status: int) -> None:
        if status:
            describe = self._library.nvrtcGetErrorString
            describe.restype = ctypes.c_char_p
            raise NvrtcError(f"NVRTC: {describe(status).decode()}")


def candidates() -> Iterator[str]:
    """Places where NVRTC may be, best first: the wheels, the toolkit that CUDA_PATH names, the loader's own path."""
    spec = importlib.util.find_spec("nvidia")
    wheels = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    toolkits = [Path(os.environ["CUDA_PATH"])] if os.environ.get("CUDA_PATH") else []
    folders = [place / folder for folder in _WHEEL_FOLDERS for place in wheels]
    folders += [place / "lib64" for place in toolkits]
    for folder in folders:
        yield from (str(folder / name) for name in _LIBRARY_NAMES if (folder / name).exists())
    yield from _LIBRARY_NAMES


@functools.cache
def installed() -> tuple[Nvrtc, ...]:
    """Every NVRTC that loads here, one a version."""
    found: dict[tuple[int, int], Nvrtc] = {}
    for path in candidates():
        with contextlib.suppress(NvrtcError):
            compiler = Nvrtc(path)
            found.setdefault(compiler.version, compiler)
    return tuple(found.values())


@functools.cache
def find_nvrtc(most_major: int = 99) -> Nvrtc:
    """The newest NVRTC here whose major version a driver takes.

    Raises
    ------
    NvrtcError
        If there is none.
    """
    usable = [compiler for compiler in installed() if compiler.version[0] <= most_major]
    if not usable:
        raise NvrtcError(
            "no NVRTC was found; install fastpath-prover[cuda12] or fastpath-prover[cuda13], whichever the driver takes"
        )
    return max(usable, key=lambda compiler: compiler.version)
