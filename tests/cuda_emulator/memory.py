"""Loads, stores and atomics of PTX as LLVM IR, each through a check of its address.

With all checks, the check is a call of :func:`tests.cuda_emulator.checks.access`, which also keeps the shadow of the
memory. For values only it is two instructions that keep a wrong address from harming the host; what they refuse goes
to the same function, which says why.

Source: Parallel Thread Execution ISA, "Data Movement and Conversion" and "Parallel Synchronization" instructions.
"""

from __future__ import annotations

import re

from tests.cuda_emulator.arithmetic import is_signed, translates, vector
from tests.cuda_emulator.emitter import Emitter
from tests.cuda_emulator.layout import Access, Launch, Space, Thread, Verdict
from tests.cuda_emulator.ptx import Instruction

_ADDRESS = re.compile(r"\[\s*([^\]+]+?)\s*(?:\+\s*(-?\w+)\s*)?\]")
_SPACES = {"global": Space.GLOBAL, "const": Space.GLOBAL, "shared": Space.SHARED, "local": Space.LOCAL}
_WINDOWS = {
    Space.GLOBAL: (Launch.ARENA_BASE, Launch.ARENA_BYTES),
    Space.LOCAL: (Thread.LOCAL, Launch.LOCAL_BYTES),
}
_STRONG = frozenset(("volatile", "relaxed", "acquire", "release", "acq_rel", "mmio"))
"""Accesses that may meet others of their kind, and atomics, without a race."""

_SCOPES = frozenset(("cta", "cluster", "gpu", "sys"))
_CACHES = frozenset(("ca", "cg", "cs", "cv", "lu", "wb", "wt", "nc", "weak"))
_SHAPES = frozenset(("v2", "v4", "v8"))
_KNOWN_WORDS = _STRONG | _SCOPES | _CACHES | _SHAPES | _SPACES.keys() | {"param"}
_LEVELS = ("L1::", "L2::", "level::")

_ATOMICS = {
    "add": "add i{bits} {old}, {value}",
    "and": "and i{bits} {old}, {value}",
    "or": "or i{bits} {old}, {value}",
    "xor": "xor i{bits} {old}, {value}",
    "min": "call i{bits} @llvm.{sign}min.i{bits}(i{bits} {old}, i{bits} {value})",
    "max": "call i{bits} @llvm.{sign}max.i{bits}(i{bits} {old}, i{bits} {value})",
}


def _location(code: Emitter, i: Instruction, operand: str) -> tuple[str, int]:
    """Register or name, and offset, of a memory operand."""
    match = _ADDRESS.fullmatch(operand.strip())
    if match is None:
        raise code.refuse(i)
    return match.group(1), int(match.group(2) or "0", 0)


def _space(i: Instruction) -> Space:
    """Where the instruction says the address points; parameters are handled apart."""
    return next((_SPACES[part.split("::")[0]] for part in i.modifiers if part.split("::")[0] in _SPACES), Space.GENERIC)


def _address(code: Emitter, i: Instruction, operand: str) -> str:
    base, offset = _location(code, i, operand)
    if not code.is_register(base):
        return code.address_of(f"{base}+{offset}")
    # In the register's own width: addresses of shared memory have 32 bits and wrap there.
    value, bits = code.read_register(base), code.bits(base)
    if offset:
        value = code.emit(f"add i{bits} {value}, {offset}")
    return code.cast(value, bits, 64)


def checked_pointer(
    code: Emitter, i: Instruction, address: str, access: Access, space: Space, size_bytes: int, *, strong: bool = False
) -> str:
    """Host pointer for an access; ends the thread where it is refused."""
    good, bad = code.fresh("allowed"), code.fresh("refused")
    if code.checked or space not in _WINDOWS:
        host = code.emit(
            f"inttoptr i64 {code.call_access(i, address, access, space, size_bytes, strong=strong)} to ptr"
        )
        code.branch_if(code.emit(f"icmp eq ptr {host}, null"), bad, good)
        code.start(bad)
    else:
        base, length = _WINDOWS[space]
        offset = code.emit(f"sub i64 {address}, {code.load_slot(base)}")
        room = code.emit(f"sub i64 {code.load_slot(length)}, {size_bytes}")
        host = code.emit(f"inttoptr i64 {address} to ptr")
        code.branch_if(code.emit(f"icmp ule i64 {offset}, {room}"), good, bad)
        code.start(bad)
        code.call_access(i, address, access, space, size_bytes)
    code.give(Verdict.ABORT)
    code.start(good)
    return host


def _parameter(code: Emitter, i: Instruction, operand: str) -> str:
    """Pointer to parameter space."""
    name, offset = _location(code, i, operand)
    place = code.place_of(name)
    if place is None or not isinstance(place.base, str):
        raise code.refuse(i)
    return code.emit(f"getelementptr i8, ptr {place.base}, i64 {place.offset + offset}")


def _element(code: Emitter, pointer: str, place: int, size_bytes: int) -> str:
    return code.emit(f"getelementptr i8, ptr {pointer}, i64 {place * size_bytes}") if place else pointer


def _bits(code: Emitter, i: Instruction) -> int:
    """Width of an element; refuses what is no plain load or store."""
    words = {part.removesuffix("::cta") for part in i.modifiers[:-1] if not part.startswith(_LEVELS)}
    if i.kind[:1] not in tuple("busf") or i.kind == "b128" or not words <= _KNOWN_WORDS:
        raise code.refuse(i)
    return int(i.kind[1:])


def _checked(code: Emitter, i: Instruction, operand: str, access: Access, size_bytes: int) -> str:
    """Host pointer for a load or store."""
    if "param" in i.modifiers:
        return _parameter(code, i, operand)
    strong = bool(_STRONG & set(i.modifiers))
    return checked_pointer(code, i, _address(code, i, operand), access, _space(i), size_bytes, strong=strong)


@translates("ld", "ldu")
def _load(code: Emitter, i: Instruction) -> None:
    targets, bits = vector(i.operands[0]), _bits(code, i)
    pointer = _checked(code, i, i.operands[1], Access.LOAD, bits // 8 * len(targets))
    for place, target in enumerate(targets):
        value = code.emit(f"load i{bits}, ptr {_element(code, pointer, place, bits // 8)}, align 1")
        code.write(target, value, bits, signed=is_signed(i.kind))


@translates("st")
def _store(code: Emitter, i: Instruction) -> None:
    sources, bits = vector(i.operands[1]), _bits(code, i)
    values = [code.read(source, bits) for source in sources]
    pointer = _checked(code, i, i.operands[0], Access.STORE, bits // 8 * len(sources))
    for place, value in enumerate(values):
        code.do(f"store i{bits} {value}, ptr {_element(code, pointer, place, bits // 8)}, align 1")


@translates("atom", "red")
def _atomic(code: Emitter, i: Instruction) -> None:
    operands = i.operands if i.opcode == "atom" else ("_", *i.operands)
    names = [part for part in i.modifiers[:-1] if part.removesuffix("::cta") not in _KNOWN_WORDS]
    if len(names) != 1 or i.kind[:1] not in tuple("bus") or int(i.kind[1:]) not in {32, 64}:
        raise code.refuse(i)
    bits = int(i.kind[1:])
    value = code.read(operands[2], bits)
    third = code.read(operands[3], bits) if names[0] == "cas" else ""
    pointer = checked_pointer(code, i, _address(code, i, operands[1]), Access.ATOMIC, _space(i), bits // 8)
    old = code.emit(f"load i{bits}, ptr {pointer}, align 1")
    code.do(f"store i{bits} {_updated(code, i, names[0], bits, old, value, third)}, ptr {pointer}, align 1")
    code.write(operands[0], old, bits)


def _updated(code: Emitter, i: Instruction, name: str, bits: int, old: str, value: str, third: str) -> str:
    if name in _ATOMICS:
        sign = "s" if is_signed(i.kind) else "u"
        return code.emit(_ATOMICS[name].format(bits=bits, old=old, value=value, sign=sign))
    if name == "exch":
        return value
    if name == "cas":
        equal = code.emit(f"icmp eq i{bits} {old}, {value}")
        return code.emit(f"select i1 {equal}, i{bits} {third}, i{bits} {old}")
    if name == "inc":
        wraps = code.emit(f"icmp uge i{bits} {old}, {value}")
        return code.emit(f"select i1 {wraps}, i{bits} 0, i{bits} {code.emit(f'add i{bits} {old}, 1')}")
    if name == "dec":
        above = code.emit(f"icmp ugt i{bits} {old}, {value}")
        wraps = code.emit(f"or i1 {above}, {code.emit(f'icmp eq i{bits} {old}, 0')}")
        return code.emit(f"select i1 {wraps}, i{bits} {value}, i{bits} {code.emit(f'sub i{bits} {old}, 1')}")
    raise code.refuse(i)


@translates("cvta")
def _convert_address(code: Emitter, i: Instruction) -> None:
    bits = int(i.kind[1:])
    value = code.read(i.operands[1], bits)
    if "shared" in {part.split("::")[0] for part in i.modifiers}:
        base = code.cast(code.load_slot(Launch.SHARED_BASE), 64, bits)
        value = code.emit(f"{'sub' if 'to' in i.modifiers else 'add'} i{bits} {value}, {base}")
    code.write(i.operands[0], value, bits)


@translates("membar", "fence", "prefetch", "prefetchu", "discard", "nanosleep")
def _nothing(code: Emitter, i: Instruction) -> None:
    """Order and caches: memory is one and the same for all threads here, and the race check asks for more."""
