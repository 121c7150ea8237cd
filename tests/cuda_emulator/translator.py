"""A PTX program to LLVM IR, one module of IR for each function, so that each is compiled and cached on its own.

A translated function is ``i32 @name(ptr launch, ptr thread, ptr frame, ptr local, ptr parameter..., ptr result)`` and
returns a :class:`~tests.cuda_emulator.layout.Verdict`. A kernel also gets an entry ``i32 @"enter name"(ptr, ptr)``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import tests.cuda_emulator.memory  # noqa: F401 - it registers translations
from tests.cuda_emulator import control
from tests.cuda_emulator.arithmetic import TRANSLATIONS
from tests.cuda_emulator.emitter import Emitter, Footprint, Place
from tests.cuda_emulator.flow import (
    CARRY,
    REGISTER,
    analyse,
    called,
    callees,
    callers_last,
    suspending_functions,
    synchronises,
)
from tests.cuda_emulator.layout import Launch, Thread, Verdict
from tests.cuda_emulator.ptx import Function, Instruction, Label, Program, UnsupportedPtxError, Variable

_REDZONE_BYTES = 32
_POISON = 0xA5A5A5A5A5A5A5A5
_INTRINSIC = re.compile(r"@(llvm\.(\w+)\.i(\d+))\(")


@dataclass(frozen=True)
class Kernel:
    """What a launch must know of a kernel.

    Attributes
    ----------
    parameter_offsets
        Of each parameter in the parameter block.
    static_shared_bytes
        Shared memory that it declares.
    frame_bytes, local_bytes
        Memory that each of its threads needs.
    """

    name: str
    parameters: tuple[Variable, ...]
    parameter_offsets: tuple[int, ...]
    parameter_bytes: int
    static_shared_bytes: int
    frame_bytes: int
    local_bytes: int
    block_limit: int | None
    block_exact: tuple[int, int, int] | None


@dataclass(frozen=True)
class Translated:
    """One function as IR."""

    name: str
    ir: str
    kernel: Kernel | None


def _aligned(offset: int, align_bytes: int) -> int:
    return -(-offset // align_bytes) * align_bytes


class Translation:
    """Translates the functions of a program on demand.

    Parameters
    ----------
    program
        What :func:`tests.cuda_emulator.ptx.parse` read.
    checked
        Whether memory accesses are checked in full.

    Attributes
    ----------
    variables
        Offset of each variable of the module (``.global``, ``.const``) in the memory that holds them.
    variable_bytes
        Size of that memory.
    """

    def __init__(self, program: Program, *, checked: bool) -> None:
        self.program = program
        self.checked = checked
        self.variables: dict[str, int] = {}
        self._shared: dict[str, int] = {}
        self._suspending = suspending_functions(program)
        self._translated: dict[str, Translated] = {}
        self._footprints: dict[str, Footprint] = {}
        self._order = callers_last(program)
        device, shared = 0, 0
        for variable in program.variables.values():
            if variable.space == "shared":
                shared = _aligned(shared, variable.align_bytes)
                self._shared[variable.name] = shared
                shared += variable.size_bytes
            else:
                # Far enough from each other that running over one is not running into the next.
                device = _aligned(device, 256)
                self.variables[variable.name] = device
                device += variable.size_bytes + 256
        for function in program.functions.values():
            for variable in function.variables.values():
                if variable.space == "shared" and not function.is_entry:
                    # The compiler moves a shared variable into the one function that uses it.
                    shared = _aligned(shared, variable.align_bytes)
                    self._shared[variable.name] = shared
                    shared += variable.size_bytes
        self.variable_bytes = device
        self._shared_bytes = shared

    def needed_by(self, kernel: str) -> list[str]:
        """The kernel and all that it calls, called ones first."""
        needed, found = [kernel], {kernel}
        for name in needed:
            more = callees(self.program.functions[name]) & self.program.functions.keys() - found
            found |= more
            needed += sorted(more)
        return [name for name in self._order if name in found]

    def translate(self, name: str) -> Translated:
        """IR of a function; those that it calls must have been translated before."""
        if name not in self._translated:
            self._translated[name] = self._translate(self.program.functions[name])
        return self._translated[name]

    def _places(self, function: Function) -> tuple[dict[str, Place], int]:
        """Memory that the function can name, and the static shared memory with its own."""
        places = {name: Place("global", Launch.MODULE_BASE, offset) for name, offset in self.variables.items()}
        for name, offset in self._shared.items():
            declared = self.program.variables.get(name)
            dynamic = declared is not None and not declared.size_bytes
            places[name] = Place("shared", Launch.DYNAMIC_SHARED) if dynamic else Place("shared", "fixed", offset)
        shared = self._shared_bytes
        for name, variable in function.variables.items():
            if variable.space == "shared" and function.is_entry:
                shared = _aligned(shared, variable.align_bytes)
                places[name] = Place("shared", "fixed", shared)
                shared += variable.size_bytes
        for number, parameter in enumerate(function.parameters):
            places[parameter.name] = Place("param", f"%parameter{number}")
        if function.result is not None:
            places[function.result.name] = Place("param", "%result")
        return places, shared

    def _translate(self, function: Function) -> Translated:
        places, shared_bytes = self._places(function)
        suspends = function.name in self._suspending
        flow = analyse(function, self._suspending)
        code = Emitter(function, flow, suspends, places, self._footprints, self.checked)
        _place_variables(code, function)
        _translate_body(code, self._suspending)
        callee_footprints = [self._footprints[name] for name in callees(function) if name in self._footprints]
        own_frame = _aligned(code.frame_bytes, 16) if suspends else 0
        frame = own_frame + max((callee.frame_bytes for callee in callee_footprints), default=0)
        local = code.local_bytes + max((callee.local_bytes for callee in callee_footprints), default=0)
        self._footprints[function.name] = Footprint(
            suspends, frame, local, len(function.parameters), function.result is not None
        )
        kernel = self._kernel(function, shared_bytes, frame, local) if function.is_entry else None
        ir = _assemble(code, kernel, self._footprints).replace(Emitter.FRAME_SIZE, str(own_frame))
        return Translated(function.name, ir, kernel)

    @staticmethod
    def _kernel(function: Function, shared_bytes: int, frame: int, local: int) -> Kernel:
        offsets, end = [], 0
        for parameter in function.parameters:
            end = _aligned(end, parameter.align_bytes)
            offsets.append(end)
            end += parameter.size_bytes
        return Kernel(
            function.name,
            tuple(function.parameters),
            tuple(offsets),
            end,
            shared_bytes,
            frame,
            local,
            function.block_limit,
            function.block_exact,
        )


def key_of(ir: str, stamp: str) -> str:
    """Name of a compiled function in the cache."""
    return hashlib.sha256(f"{stamp}\0{ir}".encode()).hexdigest()


def _place_variables(code: Emitter, function: Function) -> None:
    for name, variable in function.variables.items():
        if variable.space == "param":
            code.places[name] = Place("param", code.stack_bytes(variable.size_bytes, variable.align_bytes))
        elif variable.space == "local":
            offset = _aligned(code.local_bytes + _REDZONE_BYTES, max(variable.align_bytes, 16))
            code.depots.append((offset, variable.size_bytes))
            pointer = f'%"depot.{name}"'
            code.entry.append(f"  {pointer} = getelementptr i8, ptr %local, i64 {offset}")
            code.places[name] = Place("local", pointer)
            code.local_bytes = offset + variable.size_bytes
    code.local_bytes = _aligned(code.local_bytes + _REDZONE_BYTES, 16)


def _translate_body(code: Emitter, suspending: frozenset[str]) -> None:
    function, flow = code.function, code.flow
    first = next((item for item in function.body if isinstance(item, Instruction)), None)
    seen: set[str] = set()
    for place, block in enumerate(flow.blocks):
        code.start(block.label)
        code.forget()
        if place == 0:
            for register in sorted(flow.undefined):
                code.set_register(register, _poison(code.bits(register)))
            if first is not None:
                code.enter(first)
        seen.add(block.label)
        carry_set = False
        ended = False
        for item in function.body[block.start : block.stop]:
            assert not isinstance(item, Label)
            carry_set = _check_carry(code, item, carry_set)
            ended = _translate_instruction(code, item, block.live_out, place, seen, suspending)
        if not ended:
            code.flush(block.live_out)
            if place + 1 < len(flow.blocks):
                code.branch(flow.blocks[place + 1].label)
            else:
                code.give(Verdict.DONE)


def _poison(bits: int) -> str:
    value = _POISON & ((1 << bits) - 1)
    return "true" if bits == 1 else str(value - (1 << bits))


def _check_carry(code: Emitter, item: Instruction, carry_set: bool) -> bool:
    """The carry lives from one instruction to the next of a block; more than that PTX does not promise."""
    if item.opcode in {"addc", "subc", "madc"} and not carry_set:
        raise UnsupportedPtxError(
            f"line {item.line} of the PTX, in {code.function.name}: {item.text}: no instruction before it in its "
            f"block sets the carry"
        )
    return (carry_set or "cc" in item.modifiers) and item.opcode != "call" and not synchronises(item)


def _translate_instruction(
    code: Emitter, item: Instruction, live: frozenset[str], place: int, seen: set[str], suspending: frozenset[str]
) -> bool:
    """Translate one; returns whether it ended its block."""
    if item.opcode == "bra":
        _branch(code, item, live, place, seen)
        return True
    translation = TRANSLATIONS.get(item.opcode)
    if translation is None:
        raise code.refuse(item)
    if item.guard is None:
        translation(code, item)
        return item.opcode in {"ret", "exit", "trap"} and _after_end(code, item)
    return _guarded(code, item, place, suspending)


def _after_end(code: Emitter, item: Instruction) -> bool:
    if item.opcode == "trap":
        code.give(Verdict.ABORT)
    return True


def _branch(code: Emitter, item: Instruction, live: frozenset[str], place: int, seen: set[str]) -> None:
    target = item.operands[0]
    if target in seen:
        control.count_step(code, item)
    condition = None
    if item.guard is not None:
        condition = code.read(item.guard, 1)
    code.flush(live)
    if condition is None:
        code.branch(target)
        return
    following = code.flow.blocks[place + 1].label
    code.branch_if(condition, *((target, following) if item.guard_is else (following, target)))


def _guarded(code: Emitter, item: Instruction, place: int, suspending: frozenset[str]) -> bool:
    """An instruction under a predicate other than a branch: its own small block, and the old values around it."""
    assert item.guard is not None
    then, after = code.fresh("guarded"), code.fresh("next")
    waits = synchronises(item) or (item.opcode == "call" and called(item) in suspending)
    ends = item.opcode in {"ret", "exit", "trap"}
    if ends and place + 1 < len(code.flow.blocks):
        after = code.flow.blocks[place + 1].label
    condition = code.read(item.guard, 1)
    for operand in (*item.operands, CARRY if "cc" in item.modifiers else ""):
        for name in REGISTER.findall(operand):
            if name == CARRY or code.is_register(name):
                code.read_register(name)
    if waits or ends:
        code.flush()
    before = code.snapshot()
    code.branch_if(condition, *((then, after) if item.guard_is else (after, then)))
    origin = code.block
    code.start(then)
    TRANSLATIONS[item.opcode](code, item)
    if ends:
        _after_end(code, item)
        return True
    if waits:
        code.flush()
        code.branch(after)
        code.start(after)
        code.forget()
        return False
    changed, end = code.changes(before), code.block
    code.branch(after)
    code.start(after)
    code.restore(before)
    for register, new in changed.items():
        old = before[0][register]
        merged = code.emit(f'phi i{code.bits(register)} [ {new}, %"{end}" ], [ {old}, %"{origin}" ]')
        code.set_register(register, merged)
    return False


def _assemble(code: Emitter, kernel: Kernel | None, footprints: Mapping[str, Footprint]) -> str:
    function = code.function
    parameters = [f"ptr noalias %parameter{number}" for number in range(len(function.parameters))]
    if function.result is not None:
        parameters.append("ptr noalias %result")
    signature = ", ".join(["ptr %launch", "ptr %thread", "ptr noalias %frame", "ptr %local", *parameters])
    first = code.flow.blocks[0].label
    lines = [f'define i32 @"{function.name}"({signature}) nounwind {{', '"entry":', *code.entry]
    lines += [*code.dispatch(first), *code.lines, "}"]
    if kernel is not None:
        lines += _entry(kernel)
    text = "\n".join(lines)
    declared = []
    for name in sorted(callees(function) & footprints.keys()):
        footprint = footprints[name]
        pointers = ", ".join(["ptr"] * (4 + footprint.parameters + footprint.has_result))
        declared.append(f'declare i32 @"{name}"({pointers})')
    for full, name, bits in sorted(set(_INTRINSIC.findall(text))):
        more = ", i1" if name == "ctlz" else "" if name in {"ctpop", "bitreverse"} else f", i{bits}"
        declared.append(f"declare i{bits} @{full}(i{bits}{more})")
    return "\n".join([*declared, text])


def _entry(kernel: Kernel) -> list[str]:
    lines = [f'define i32 @"enter {kernel.name}"(ptr %launch, ptr %thread) nounwind {{']
    for name, record, slot in (
        ("frame", "thread", Thread.FRAME),
        ("local", "thread", Thread.LOCAL),
        ("block", "launch", Launch.PARAMETERS),
    ):
        lines.append(f"  %slot.{name} = getelementptr i64, ptr %{record}, i64 {int(slot)}")
        lines.append(f"  %{name} = load ptr, ptr %slot.{name}")
    pointers = ["%launch", "%thread", "%frame", "%local"]
    for number, offset in enumerate(kernel.parameter_offsets):
        lines.append(f"  %parameter{number} = getelementptr i8, ptr %block, i64 {offset}")
        pointers.append(f"%parameter{number}")
    listed = ", ".join(f"ptr {pointer}" for pointer in pointers)
    return [*lines, f'  %verdict = call i32 @"{kernel.name}"({listed})', "  ret i32 %verdict", "}"]
