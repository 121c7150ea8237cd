"""What the emulated device found wrong, in words."""

from __future__ import annotations

from dataclasses import dataclass

from tests.cuda_emulator.layout import MANY, Access, Finding, ReportColumn, Space

_MEANINGS = {
    Finding.OUT_OF_BOUNDS: "access outside every allocation",
    Finding.FREED: "access to memory that was freed",
    Finding.MISALIGNED: "address not aligned to the width of the access",
    Finding.READ_ONLY: "write to constant memory",
    Finding.WRONG_SPACE: "address of another memory space than the instruction names",
    Finding.UNINITIALISED: "read of memory that nothing wrote",
    Finding.RACE_WRITE: "race with a write of another thread",
    Finding.RACE_READ: "race with a read of another thread",
    Finding.UNORDERED_WRITE: "no event orders it behind a write of another stream",
    Finding.UNORDERED_READ: "no event orders it behind a read of another stream",
    Finding.BARRIER_DIVERGED: "threads of a block wait at different barriers",
    Finding.BARRIER_AFTER_EXIT: "barrier that some threads of the block cannot reach, for they ended",
    Finding.WARP_DIVERGED: "lanes of one mask wait at different warp-wide instructions",
    Finding.WARP_MASK: "mask of a warp-wide instruction names lanes that are not there or not this one",
    Finding.SHUFFLE_SOURCE: "shuffle from a lane outside its mask",
    Finding.DEADLOCK: "threads wait for threads that wait elsewhere",
    Finding.TRAP: "trap or failed assertion",
    Finding.ENDLESS: "thread does not end",
}
_SPACE_NAMES = {Space.GENERIC: "address", Space.GLOBAL: "global", Space.SHARED: "shared", Space.LOCAL: "local"}
_ACCESS_NAMES = {Access.LOAD: "load", Access.STORE: "store", Access.ATOMIC: "atomic"}


class DefectError(AssertionError):
    """The code under test broke a rule of the device; not a fault of a device, and nothing to fall back from."""


@dataclass(frozen=True)
class Report:
    """One defect.

    Attributes
    ----------
    finding
        Its kind; None for what is found outside kernels (streams, copies, arguments).
    kernel
        Name of the kernel, or what else was queued.
    instruction, line, source
        PTX instruction, its line in the PTX, and ``file:line`` of the CUDA source where the PTX tells it.
    block, thread
        Linear numbers; None outside kernels.
    address
        Global or local address, or offset in shared memory.
    """

    finding: Finding | None
    message: str
    kernel: str = ""
    instruction: str = ""
    line: int | None = None
    source: str = ""
    block: int | None = None
    thread: int | None = None
    address: int | None = None

    def __str__(self) -> str:
        place = ""
        if self.block is not None:
            place = f", block {self.block}, thread {self.thread}"
        if self.instruction:
            place += f", at PTX line {self.line}" + (f" ({self.source})" if self.source else "")
            place += f": {self.instruction}"
        return f"{self.kernel}: {self.message}{place}"


def describe(row: list[int], names: list[str], own_operation: int) -> tuple[Finding, str, int | None]:
    """Finding, message and address of a line of the checks' table."""
    finding = Finding(row[ReportColumn.FINDING])
    address: int | None = row[ReportColumn.ADDRESS]
    text = _MEANINGS[finding]
    if finding <= Finding.UNORDERED_READ:
        kind = row[ReportColumn.ACCESS]
        access, space = _ACCESS_NAMES[Access(kind & 3)], _SPACE_NAMES[Space(kind >> 2)]
        text = f"{access}: {text}; {space} 0x{address:x}"
    else:
        text = f"{text} ({address})" if finding is Finding.ENDLESS else text
        address = None
    if Finding.RACE_WRITE <= finding <= Finding.UNORDERED_READ:
        text += f"; other side: {_other(row, names, own_operation)}"
    if row[ReportColumn.COUNT] > 1:
        text += f"; {row[ReportColumn.COUNT]} times"
    return finding, text, address


def _other(row: list[int], names: list[str], own_operation: int) -> str:
    operation = row[ReportColumn.OTHER_OPERATION]
    if operation != own_operation:
        return names[operation]
    block, thread = row[ReportColumn.OTHER_BLOCK], row[ReportColumn.OTHER_THREAD]
    if block == MANY:
        return "several blocks"
    return f"block {block}, " + ("several threads" if thread == MANY else f"thread {thread}")
