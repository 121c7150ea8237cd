"""LLVM IR text of one function under construction: values of registers, blocks, suspension.

A register has a *home* in memory: on the stack, or in the thread's frame if it lives across a suspension. Within a
block its value is an SSA name; :meth:`Emitter.flush` writes changed ones home before control goes elsewhere. LLVM
turns the homes on the stack back into SSA values.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tests.cuda_emulator.flow import CARRY, Flow
from tests.cuda_emulator.layout import Access, Launch, Space, Thread, Verdict
from tests.cuda_emulator.ptx import Function, Instruction, UnsupportedPtxError, bits_of

_VECTOR_REGISTER = re.compile(r"%(tid|ntid|ctaid|nctaid)\.([xyz])")
_SYMBOL = re.compile(r"([\w$.]+)\s*(?:\+\s*(-?\w+))?")
_SLOT_OF = {"tid": Thread.X, "ntid": Launch.THREADS_X, "ctaid": Launch.BLOCK_X, "nctaid": Launch.BLOCKS_X}
_FLOAT_BITS = {"0f": 32, "0d": 64}


@dataclass(frozen=True)
class Place:
    """Where a named piece of memory lies.

    Attributes
    ----------
    space
        Of its declaration.
    base
        ``fixed``: ``offset`` itself is the address (shared memory); else the name of an SSA pointer or of a slot whose
        value is added.
    """

    space: str
    base: str | Launch
    offset: int = 0


@dataclass(frozen=True)
class Footprint:
    """What callers must know of a function: whether it can wait, its frame and its local memory, in bytes."""

    suspends: bool
    frame_bytes: int
    local_bytes: int
    parameters: int
    has_result: bool


@dataclass
class Emitter:
    """State of the translation of one function.

    Attributes
    ----------
    places
        Memory by name: variables of the module, of the function, and parameters.
    footprints
        Of every function that this one may call.
    checked
        Whether memory accesses are checked in full.
    depots
        Offset and size of the function's arrays in local memory.
    """

    FRAME_SIZE: ClassVar[str] = "@frame size@"
    """Stands for the size of the frame until the function is complete."""

    function: Function
    flow: Flow
    suspends: bool
    places: dict[str, Place]
    footprints: Mapping[str, Footprint]
    checked: bool
    depots: list[tuple[int, int]] = field(default_factory=list)
    frame_bytes: int = 8  # the first word says where to resume
    local_bytes: int = 0
    lines: list[str] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)
    block: str = ""
    _values: dict[str, str] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _homes: set[str] = field(default_factory=set)
    _resume_points: list[str] = field(default_factory=list)
    _count: int = 0

    # Text

    def emit(self, text: str) -> str:
        """Append an instruction with a result; returns the result's name."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Append an instruction without a result."""
        self.lines.append(f"  {text}")

    def fresh(self, stem: str) -> str:
        """A new name for a block."""
        self._count += 1
        return f"{stem}.{self._count}"

    def start(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f'"{label}":')
        self.block = label

    def branch(self, label: str) -> None:
        """End the block."""
        self.do(f'br label %"{label}"')

    def branch_if(self, condition: str, then: str, otherwise: str) -> None:
        """End the block with a choice."""
        self.do(f'br i1 {condition}, label %"{then}", label %"{otherwise}"')

    def give(self, verdict: Verdict) -> None:
        """Return to the scheduler."""
        self.do(f"ret i32 {int(verdict)}")

    # Slots of the records

    def slot(self, slot: Launch | Thread) -> str:
        """Pointer to a slot; made once, at the entry."""
        name = f"%slot.{type(slot).__name__}.{slot.name}"
        line = f"  {name} = getelementptr i64, ptr %{type(slot).__name__.lower()}, i64 {int(slot)}"
        if line not in self.entry:
            self.entry.append(line)
        return name

    def load_slot(self, slot: Launch | Thread) -> str:
        """Value of a slot, ``i64``."""
        return self.emit(f"load i64, ptr {self.slot(slot)}")

    def store_slot(self, slot: Thread, value: str) -> None:
        """Set a slot to an ``i64``."""
        self.do(f"store i64 {value}, ptr {self.slot(slot)}")

    # Registers

    def bits(self, register: str) -> int:
        """Width of a register; the carry is kept as a word."""
        return 64 if register == CARRY else bits_of(self.function.registers[register])

    def is_register(self, operand: str) -> bool:
        """Whether an operand is a declared register."""
        return operand in self.function.registers

    def _home(self, register: str) -> str:
        name = f'%"home.{register}"'
        if register not in self._homes:
            self._homes.add(register)
            bits = self.bits(register)
            if register in self.flow.kept:
                self.frame_bytes = -(-self.frame_bytes // 8) * 8
                self.entry.append(f"  {name} = getelementptr i8, ptr %frame, i64 {self.frame_bytes}")
                self.frame_bytes += 8
            else:
                self.entry.append(f"  {name} = alloca i{bits}")
        return name

    def read_register(self, register: str) -> str:
        """Its value at its own width."""
        if register not in self._values:
            self._values[register] = self.emit(f"load i{self.bits(register)}, ptr {self._home(register)}")
        return self._values[register]

    def set_register(self, register: str, value: str) -> None:
        """Give it a value of its own width."""
        self._values[register] = value
        self._changed.add(register)

    def flush(self, live: frozenset[str] | None = None) -> None:
        """Write changed registers home: those in ``live``, or all."""
        for register in sorted(self._changed):
            if live is None or register in live:
                self.do(f"store i{self.bits(register)} {self._values[register]}, ptr {self._home(register)}")
        self._changed.clear()

    def forget(self) -> None:
        """Begin where values are known from the registers' homes only."""
        self._values.clear()
        self._changed.clear()

    def snapshot(self) -> tuple[dict[str, str], set[str]]:
        """What is known now, to come back to after a part that may not run."""
        return dict(self._values), set(self._changed)

    def changes(self, snapshot: tuple[dict[str, str], set[str]]) -> dict[str, str]:
        """Registers whose value is another than in the snapshot."""
        return {
            name: self._values[name] for name in sorted(self._changed) if self._values[name] != snapshot[0].get(name)
        }

    def restore(self, snapshot: tuple[dict[str, str], set[str]]) -> None:
        """Go back to a snapshot."""
        self._values, self._changed = snapshot

    # Operands

    def read(self, operand: str, bits: int) -> str:
        """Value of an operand as an integer of ``bits`` bits: register, number, special register or address."""
        if operand.startswith("!"):
            return self.emit(f"xor i1 {self.read(operand[1:], 1)}, true")
        if self.is_register(operand):
            return self.cast(self.read_register(operand), self.bits(operand), bits)
        number = _number(operand)
        if number is not None:
            return _constant(number % (1 << bits), bits)
        if operand.startswith("%") or operand == "WARP_SZ":
            return self.cast(self._special(operand), 64, bits)
        return self.cast(self.address_of(operand), 64, bits)

    def write(self, register: str, value: str, bits: int, *, signed: bool = False) -> None:
        """Set a register from a value of ``bits`` bits, extended to the register's width."""
        if register != "_":
            self.set_register(register, self.cast(value, bits, self.bits(register), signed=signed))

    def cast(self, value: str, from_bits: int, to_bits: int, *, signed: bool = False) -> str:
        """Truncate or extend."""
        if from_bits == to_bits:
            return value
        if from_bits > to_bits:
            return self.emit(f"trunc i{from_bits} {value} to i{to_bits}")
        return self.emit(f"{'sext' if signed else 'zext'} i{from_bits} {value} to i{to_bits}")

    def place_of(self, name: str) -> Place | None:
        """Where a named piece of memory lies, or None."""
        return self.places.get(name)

    def address_of(self, text: str) -> str:
        """Address of ``name`` or ``name+offset`` as ``i64``; in shared memory an offset into the block's."""
        match = _SYMBOL.fullmatch(text.strip())
        place = self.place_of(match.group(1)) if match else None
        if match is None or place is None:
            raise UnsupportedPtxError(f"operand {text!r} in function {self.function.name}")
        offset = place.offset + int(match.group(2) or "0", 0)
        if place.base == "fixed":
            return str(offset)
        base = (
            self.load_slot(place.base)
            if isinstance(place.base, Launch)
            else self.emit(f"ptrtoint ptr {place.base} to i64")
        )
        return self.emit(f"add i64 {base}, {offset}") if offset else base

    def _special(self, name: str) -> str:
        vector = _VECTOR_REGISTER.fullmatch(name)
        if vector:
            first = _SLOT_OF[vector.group(1)]
            return self.load_slot(type(first)(first + "xyz".index(vector.group(2))))
        if name == "WARP_SZ":
            return "32"
        if name in {"%tid", "%laneid", "%warpid"} or name.startswith("%lanemask_"):
            number = self.load_slot(Thread.NUMBER)
            if name == "%warpid":
                return self.emit(f"lshr i64 {number}, 5")
            lane = self.emit(f"and i64 {number}, 31")
            return lane if name == "%laneid" else self._lane_mask(name.removeprefix("%lanemask_"), lane)
        raise UnsupportedPtxError(f"special register {name}")

    def _lane_mask(self, relation: str, lane: str) -> str:
        own = self.emit(f"shl i64 1, {lane}")
        below = self.emit(f"sub i64 {own}, 1")
        up_to = self.emit(f"or i64 {own}, {below}")
        masks = {"eq": own, "lt": below, "le": up_to}
        if relation in masks:
            return masks[relation]
        return self.emit(f"xor i64 {below if relation == 'ge' else up_to}, 4294967295")

    # Checks

    def site(self, instruction: Instruction) -> str:
        """Number of an instruction that finds it again in whatever module the function is part of."""
        return str(site_of(self.function, instruction))

    def call_access(
        self, i: Instruction, address: str, access: Access, space: Space, size_bytes: int, *, strong: bool = False
    ) -> str:
        """Call the check of an access; 0 if it refuses, else the host address.

        With ``strong`` it is ordered with others as atomics are.
        """
        packed = int(access) | int(space) << 2 | int(strong) << 4 | size_bytes << 5
        check = self.emit(f"load ptr, ptr {self.slot(Launch.ACCESS)}")
        return self.emit(f"call i64 {check}(ptr %launch, ptr %thread, i64 {address}, i64 {packed}, i64 {self.site(i)})")

    def enter(self, i: Instruction) -> None:
        """Local arrays begin to exist, uninitialised."""
        self._declare(i, Space.LOCAL)

    def leave(self, i: Instruction) -> None:
        """Local arrays cease to exist."""
        self._declare(i, Space.GENERIC)

    def _declare(self, i: Instruction, space: Space) -> None:
        if self.checked:
            for offset, size_bytes in self.depots:
                pointer = self.emit(f"getelementptr i8, ptr %local, i64 {offset}")
                address = self.emit(f"ptrtoint ptr {pointer} to i64")
                self.call_access(i, address, Access.DECLARE, space, size_bytes)

    # Suspension

    def stack_bytes(self, size_bytes: int, align_bytes: int) -> str:
        """Memory that the function keeps while it runs: on the stack, or in the frame if it can be suspended."""
        self._count += 1
        name = f"%area{self._count}"
        if self.suspends:
            align = max(align_bytes, 16)
            self.frame_bytes = -(-self.frame_bytes // align) * align
            self.entry.append(f"  {name} = getelementptr i8, ptr %frame, i64 {self.frame_bytes}")
            self.frame_bytes += size_bytes
        else:
            self.entry.append(f"  {name} = alloca [{size_bytes} x i8], align {max(align_bytes, 16)}")
        return name

    def resume_point(self) -> int:
        """Number of a new place to resume at; the code there begins with :meth:`start_resumed`."""
        self._resume_points.append(self.fresh("resume"))
        return len(self._resume_points)

    def start_resumed(self, number: int) -> None:
        """Begin the block that is entered on resumption."""
        self.start(self._resume_points[number - 1])
        self.forget()

    def save_resume_point(self, number: int) -> None:
        """Have the next entry go to a resume point; 0 is the beginning."""
        if self.suspends:
            self.do(f"store i64 {number}, ptr %frame")

    def dispatch(self, first: str) -> list[str]:
        """End of the entry: on to where the thread was."""
        if not self._resume_points:
            return [f'  br label %"{first}"']
        cases = " ".join(f'i64 {place + 1}, label %"{label}"' for place, label in enumerate(self._resume_points))
        return ["  %state = load i64, ptr %frame", f'  switch i64 %state, label %"{first}" [{cases}]']

    def refuse(self, instruction: Instruction) -> UnsupportedPtxError:
        """The error for an instruction without a translation."""
        return UnsupportedPtxError(f"line {instruction.line} of the PTX, in {self.function.name}: {instruction.text}")


def site_of(function: Function, instruction: Instruction) -> int:
    """Function by a hash of its name, instruction by its line in the function."""
    return (zlib.crc32(function.name.encode()) & 0x7FFFFFFF) << 32 | (instruction.line - function.line)


def _constant(number: int, bits: int) -> str:
    if bits == 1:
        return "true" if number else "false"
    return str(number - (1 << bits) if number >> (bits - 1) else number)


def _number(text: str) -> int | None:
    if text[:1] not in "-0123456789":
        return None
    if text[:2] in _FLOAT_BITS:
        return int(f"0x{text[2:]}", 0)
    try:
        return int(text.rstrip("U"), 0)
    except ValueError:
        return None
