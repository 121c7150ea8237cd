"""Control and data flow of a function: what can stop half-way, and which registers live on when it does.

A thread that waits at a barrier returns from its function and is entered again later. Registers that are needed after
that live in the thread's *frame*, all others on the stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.cuda_emulator.ptx import Function, Instruction, Label, Program, UnsupportedPtxError

CARRY = "%carry"
"""The condition code register, which PTX does not name."""

REGISTER = re.compile(r"%[\w$.]+")
"""A register wherever it stands in an operand."""

_CONTROL = frozenset(("bra", "brx", "ret", "exit", "call", "trap", "brkpt"))
_NO_RESULT = _CONTROL | {
    "st",
    "red",
    "bar",
    "barrier",
    "membar",
    "fence",
    "prefetch",
    "prefetchu",
    "discard",
    "nanosleep",
}
_ENDS = frozenset(("bra", "ret", "exit", "brx", "trap"))
_WARP_WIDE = frozenset(("shfl", "vote", "match", "redux"))


def called(instruction: Instruction) -> str:
    """Name of the function that a ``call`` calls."""
    for operand in instruction.operands:
        if not operand.startswith("("):
            return operand
    raise UnsupportedPtxError(f"line {instruction.line}: {instruction.text}")


def callees(function: Function) -> set[str]:
    """Names of the functions that it calls."""
    return {called(item) for item in function.body if isinstance(item, Instruction) and item.opcode == "call"}


def synchronises(instruction: Instruction) -> bool:
    """Whether a thread waits for others here."""
    return instruction.opcode in _WARP_WIDE or (
        instruction.opcode in {"bar", "barrier"} and "arrive" not in instruction.modifiers
    )


def suspending_functions(program: Program) -> frozenset[str]:
    """Functions inside which a thread may have to wait."""
    suspending = {
        name
        for name, function in program.functions.items()
        if any(isinstance(item, Instruction) and synchronises(item) for item in function.body)
    }
    while True:
        more = {
            name
            for name, function in program.functions.items()
            if name not in suspending and callees(function) & suspending
        }
        if not more:
            return frozenset(suspending)
        suspending |= more


def callers_last(program: Program) -> list[str]:
    """Names of all functions, called ones before their callers; recursion has no static frame and is refused."""
    order: list[str] = []
    open_functions: set[str] = set()

    def visit(name: str) -> None:
        if name in order or name not in program.functions:
            return
        if name in open_functions:
            raise UnsupportedPtxError(f"function {name} calls itself")
        open_functions.add(name)
        for callee in sorted(callees(program.functions[name])):
            visit(callee)
        order.append(name)

    for name in program.functions:
        visit(name)
    return order


@dataclass(frozen=True)
class Block:
    """A run of instructions ``body[start:stop]`` that is entered at its first and left at its last.

    Attributes
    ----------
    label
        Its name; invented where the text has none.
    successors
        Numbers of the blocks that may follow.
    live_out
        Registers whose values may be read later.
    """

    label: str
    start: int
    stop: int
    successors: tuple[int, ...]
    live_out: frozenset[str]


@dataclass(frozen=True)
class Flow:
    """A function's blocks, registers that live across a suspension, and those that may be read before they are set."""

    blocks: list[Block]
    kept: frozenset[str]
    undefined: frozenset[str]


class _Registers:
    """Sets of registers as bits of an integer."""

    def __init__(self, function: Function) -> None:
        self._names = [*function.registers, CARRY]
        self._bit = {name: 1 << place for place, name in enumerate(self._names)}

    def named_in(self, text: str) -> int:
        mask = 0
        for name in REGISTER.findall(text):
            mask |= self._bit.get(name, 0)
        return mask

    def names(self, mask: int) -> frozenset[str]:
        found = set()
        while mask:
            low = mask & -mask
            found.add(self._names[low.bit_length() - 1])
            mask ^= low
        return frozenset(found)

    def effect(self, instruction: Instruction) -> tuple[int, int]:
        """Registers that it sets for certain, and those that it reads."""
        has_result = instruction.opcode not in _NO_RESULT or "red" in instruction.modifiers
        sets = self.named_in(instruction.operands[0]) if has_result and instruction.operands else 0
        reads = self.named_in(" ".join(instruction.operands[1 if has_result else 0 :]))
        if "cc" in instruction.modifiers:
            sets |= self._bit[CARRY]
        if instruction.opcode in {"addc", "subc", "madc"}:
            reads |= self._bit[CARRY]
        if instruction.guard is not None:
            reads |= self._bit[instruction.guard] | sets
            sets = 0
        return sets, reads


def _cut(function: Function) -> list[tuple[str, int, int]]:
    blocks: list[tuple[str, int, int]] = []
    label, start = "begin", 0
    for place, item in enumerate(function.body):
        if isinstance(item, Label):
            blocks.append((label, start, place))
            label, start = item.name, place + 1
        elif item.opcode in _ENDS:
            blocks.append((label, start, place + 1))
            label, start = f"after.{place}", place + 1
    blocks.append((label, start, len(function.body)))
    return blocks


def analyse(function: Function, suspending: frozenset[str]) -> Flow:
    """Blocks and liveness of a function; backward data flow to a fixed point."""
    cut = _cut(function)
    number = {label: place for place, (label, _, _) in enumerate(cut)}
    registers = _Registers(function)
    effects: list[list[tuple[int, int, bool]]] = []
    successors: list[tuple[int, ...]] = []
    for place, (_, start, stop) in enumerate(cut):
        instructions = [item for item in function.body[start:stop] if isinstance(item, Instruction)]
        effects.append([(*registers.effect(item), _suspends(item, suspending)) for item in instructions])
        last = instructions[-1] if instructions else None
        following: list[int] = []
        if last is not None and last.opcode == "bra":
            if last.operands[0] not in number:
                raise UnsupportedPtxError(f"line {last.line}: {last.text}")
            following.append(number[last.operands[0]])
        falls_through = last is None or last.opcode not in _ENDS or last.guard is not None
        if falls_through and place + 1 < len(cut):
            following.append(place + 1)
        successors.append(tuple(following))

    live_in = [0] * len(cut)
    changed = True
    while changed:
        changed = False
        for place in reversed(range(len(cut))):
            live = 0
            for successor in successors[place]:
                live |= live_in[successor]
            for sets, reads, _ in reversed(effects[place]):
                live = live & ~sets | reads
            if live != live_in[place]:
                live_in[place], changed = live, True

    kept = 0
    blocks = []
    for place, (label, start, stop) in enumerate(cut):
        live_out = 0
        for successor in successors[place]:
            live_out |= live_in[successor]
        live = live_out
        for sets, reads, suspends in reversed(effects[place]):
            if suspends:
                kept |= live & ~sets
            live = live & ~sets | reads
        blocks.append(Block(label, start, stop, successors[place], registers.names(live_out)))
    return Flow(blocks, registers.names(kept), registers.names(live_in[0]))


def _suspends(instruction: Instruction, suspending: frozenset[str]) -> bool:
    if instruction.opcode == "call":
        return called(instruction) in suspending
    return synchronises(instruction)
