"""A PTX image on the emulated device: its kernels, and its variables in device memory."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from kernels.cuda.device import DeviceError
from tests.cuda_emulator.arena import Arena
from tests.cuda_emulator.compiler import CompiledProgram
from tests.cuda_emulator.emitter import site_of
from tests.cuda_emulator.layout import State
from tests.cuda_emulator.ptx import Instruction, Label, Program, UnsupportedPtxError, parse
from tests.cuda_emulator.translator import Kernel

_ACCESSES = frozenset(("ld", "ldu", "st", "atom", "red"))
_OWN_SPACES = frozenset(("param", "local"))


def _width_bytes(item: Instruction | Label) -> int:
    """Width of an access to memory that threads share; of others, none that matters."""
    if isinstance(item, Label) or item.opcode not in _ACCESSES or _OWN_SPACES & set(item.modifiers):
        return 4
    return int(item.kind[1:]) // 8


@functools.lru_cache(maxsize=64)
def _compiled(image: bytes, checked: bool) -> CompiledProgram:
    """Devices share code: all that differs between them is in the records of a launch."""
    return CompiledProgram(parse(image.rstrip(b"\0").decode()), checked=checked)


@dataclass(frozen=True)
class LoadedKernel:
    """A kernel of a loaded image; :class:`kernels.cuda.device.Kernel`. It does not keep the module alive."""

    image: Image
    kernel: Kernel
    entry: int

    @property
    def name(self) -> str:
        """Its name in the source."""
        return self.kernel.name


@dataclass(frozen=True, eq=False)
class LoadedModule:
    """What the caller holds of a loaded image; :class:`kernels.cuda.device.Module`."""

    image: Image

    def kernel(self, name: str) -> LoadedKernel:
        """The kernel of that name; compiled when first asked for.

        Raises
        ------
        DeviceError
            For an instruction that the emulator does not know; the message names it.
        """
        try:
            return self.image.kernel(name)
        except UnsupportedPtxError as error:
            raise DeviceError(f"the image does not load: {error}") from error


class Image:
    """The code of a loaded image, which outlives the caller's module if launches are still queued.

    Attributes
    ----------
    base
        Address of its variables on the device.
    users
        Operations that run its kernels.
    dropped
        Whether the caller has let go of the module.
    """

    def __init__(self, image: bytes, *, checked: bool) -> None:
        self._compiled = _compiled(image, checked)
        self.program: Program = self._compiled.translation.program
        self.base = 0
        self.users: list[int] = []
        self.dropped = False
        self._sites: dict[int, Instruction] = {}

    def kernel(self, name: str) -> LoadedKernel:
        """The kernel of that name."""
        return LoadedKernel(self, *self._compiled.kernel(name))

    @property
    def variable_bytes(self) -> int:
        """Memory that the variables take."""
        return self._compiled.translation.variable_bytes

    def place_variables(self, arena: Arena, offset: int) -> None:
        """Put the variables into a piece of the arena, and take the bytes between them out of it."""
        self.base = arena.base + offset
        arena.states[offset : offset + self.variable_bytes] = 0
        for name, start in self._compiled.translation.variables.items():
            variable = self.program.variables[name]
            span = slice(offset + start, offset + start + variable.size_bytes)
            constant = State.READ_ONLY if variable.space == "const" else 0
            arena.states[span] = State.ALLOCATED | State.INITIALISED | constant
            # What has no initial value starts as zeros.
            arena.bytes[span] = np.frombuffer(variable.initial or bytes(variable.size_bytes), np.uint8)

    @property
    def granule_bytes(self) -> int:
        """Least width of an access that can race, at most 4."""
        return min((4, *(_width_bytes(item) for function in self.program.functions.values() for item in function.body)))

    def instruction(self, site: int) -> Instruction | None:
        """The instruction that a site number means."""
        if not self._sites:
            for function in self.program.functions.values():
                for item in function.body:
                    if isinstance(item, Instruction):
                        self._sites.setdefault(site_of(function, item), item)
        return self._sites.get(site)
