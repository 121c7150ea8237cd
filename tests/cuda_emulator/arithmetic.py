"""Integer instructions of PTX as LLVM IR.

Source: Parallel Thread Execution ISA, "Integer Arithmetic", "Extended-Precision Integer Arithmetic", "Comparison and
Selection", "Logic and Shift" and "Data Movement and Conversion" instructions.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.cuda_emulator.emitter import Emitter
from tests.cuda_emulator.flow import CARRY
from tests.cuda_emulator.ptx import Instruction, bits_of, split_operands

Translation = Callable[[Emitter, Instruction], None]
TRANSLATIONS: dict[str, Translation] = {}

_COMPARISONS = {
    "eq": ("eq", "eq"),
    "ne": ("ne", "ne"),
    "lt": ("ult", "slt"),
    "le": ("ule", "sle"),
    "gt": ("ugt", "sgt"),
    "ge": ("uge", "sge"),
    "lo": ("ult", "ult"),
    "ls": ("ule", "ule"),
    "hi": ("ugt", "ugt"),
    "hs": ("uge", "uge"),
}


def translates(*opcodes: str) -> Callable[[Translation], Translation]:
    """Register a function as the translation of opcodes."""

    def register(translation: Translation) -> Translation:
        TRANSLATIONS.update(dict.fromkeys(opcodes, translation))
        return translation

    return register


def is_signed(kind: str) -> bool:
    return kind.startswith("s")


def _only(code: Emitter, i: Instruction, *allowed: str) -> None:
    """Refuse modifiers whose meaning is not translated (saturation, packed halves, floats)."""
    if i.kind[:1] not in set("busp") or not set(i.modifiers[:-1]) <= set(allowed):
        raise code.refuse(i)


def _operands(code: Emitter, i: Instruction, bits: int) -> list[str]:
    return [code.read(operand, bits) for operand in i.operands[1:]]


def vector(operand: str) -> list[str]:
    """Elements of ``{a, b}``, or the operand alone."""
    return list(split_operands(operand[1:-1])) if operand.startswith("{") else [operand]


@translates("mov")
def _mov(code: Emitter, i: Instruction) -> None:
    target, source = i.operands
    bits = bits_of(i.kind) if i.kind[0] != "f" else int(i.kind[1:])
    if target.startswith("{"):
        parts = vector(target)
        value, each = code.read(source, bits), bits // len(parts)
        for place, part in enumerate(parts):
            shifted = code.emit(f"lshr i{bits} {value}, {place * each}") if place else value
            code.write(part, code.cast(shifted, bits, each), each)
    elif source.startswith("{"):
        parts = vector(source)
        each, total = bits // len(parts), "0"
        for place, part in enumerate(parts):
            wide = code.cast(code.read(part, each), each, bits)
            wide = code.emit(f"shl i{bits} {wide}, {place * each}") if place else wide
            total = code.emit(f"or i{bits} {total}, {wide}") if place else wide
        code.write(target, total, bits)
    else:
        code.write(target, code.read(source, bits), bits)


@translates("add", "sub", "addc", "subc")
def _add(code: Emitter, i: Instruction) -> None:
    _only(code, i, "cc")
    bits, operation = bits_of(i.kind), i.opcode[:3]
    a, b = _operands(code, i, bits)
    carries = i.opcode.endswith("c")
    if "cc" not in i.modifiers and not carries:
        code.write(i.operands[0], code.emit(f"{operation} i{bits} {a}, {b}"), bits)
        return
    wide = 2 * bits
    total = code.emit(f"{operation} i{wide} {code.cast(a, bits, wide)}, {code.cast(b, bits, wide)}")
    if carries:
        total = code.emit(f"{operation} i{wide} {total}, {code.cast(code.read_register(CARRY), 64, wide)}")
    _write_with_carry(code, i, total, bits)


def _write_with_carry(code: Emitter, i: Instruction, total: str, bits: int) -> None:
    """Low half to the result, the bit above it to the carry (a borrow is a one there as well)."""
    wide = 2 * bits
    code.write(i.operands[0], code.cast(total, wide, bits), bits)
    if "cc" in i.modifiers:
        above = code.emit(f"lshr i{wide} {total}, {bits}")
        code.set_register(CARRY, code.cast(code.emit(f"and i{wide} {above}, 1"), wide, 64))


@translates("mul", "mad", "madc")
def _mul(code: Emitter, i: Instruction) -> None:
    _only(code, i, "lo", "hi", "wide", "cc")
    bits, signed = bits_of(i.kind), is_signed(i.kind)
    wide = 2 * bits
    part = next((part for part in ("lo", "hi", "wide") if part in i.modifiers), "lo")
    a, b = code.read(i.operands[1], bits), code.read(i.operands[2], bits)
    carry = "cc" in i.modifiers or i.opcode == "madc"
    if part == "lo" and not carry:
        value = code.emit(f"mul i{bits} {a}, {b}")
        if i.opcode == "mad":
            value = code.emit(f"add i{bits} {value}, {code.read(i.operands[3], bits)}")
        code.write(i.operands[0], value, bits)
        return
    product = code.emit(
        f"mul i{wide} {code.cast(a, bits, wide, signed=signed)}, {code.cast(b, bits, wide, signed=signed)}"
    )
    if part == "wide":
        if i.opcode != "mul":
            product = code.emit(f"add i{wide} {product}, {code.read(i.operands[3], wide)}")
        code.write(i.operands[0], product, wide)
        return
    half = code.cast(code.emit(f"lshr i{wide} {product}, {bits}") if part == "hi" else product, wide, bits)
    if i.opcode == "mul":
        code.write(i.operands[0], half, bits)
        return
    addend = code.read(i.operands[3], bits)
    total = code.emit(f"add i{wide} {code.cast(half, bits, wide)}, {code.cast(addend, bits, wide)}")
    if i.opcode == "madc":
        total = code.emit(f"add i{wide} {total}, {code.cast(code.read_register(CARRY), 64, wide)}")
    _write_with_carry(code, i, total, bits)


@translates("div", "rem")
def _div(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    bits = bits_of(i.kind)
    a, b = _operands(code, i, bits)
    # Division by zero is unspecified on the device and fatal on the host.
    zero = code.emit(f"icmp eq i{bits} {b}, 0")
    safe = code.emit(f"select i1 {zero}, i{bits} 1, i{bits} {b}")
    value = code.emit(f"{'s' if is_signed(i.kind) else 'u'}{i.opcode} i{bits} {a}, {safe}")
    code.write(i.operands[0], code.emit(f"select i1 {zero}, i{bits} -1, i{bits} {value}"), bits)


@translates("abs", "neg", "not", "cnot")
def _unary(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    bits = bits_of(i.kind)
    (a,) = _operands(code, i, bits)
    if i.opcode == "not":
        value = code.emit(f"xor i{bits} {a}, {'true' if bits == 1 else -1}")
    elif i.opcode == "cnot":
        value = code.cast(code.emit(f"icmp eq i{bits} {a}, 0"), 1, bits)
    else:
        value = code.emit(f"sub i{bits} 0, {a}")
        if i.opcode == "abs":
            negative = code.emit(f"icmp slt i{bits} {a}, 0")
            value = code.emit(f"select i1 {negative}, i{bits} {value}, i{bits} {a}")
    code.write(i.operands[0], value, bits)


@translates("min", "max")
def _extreme(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    bits = bits_of(i.kind)
    a, b = _operands(code, i, bits)
    name = f"llvm.{'s' if is_signed(i.kind) else 'u'}{i.opcode}.i{bits}"
    code.write(i.operands[0], code.emit(f"call i{bits} @{name}(i{bits} {a}, i{bits} {b})"), bits)


@translates("and", "or", "xor")
def _logic(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    bits = bits_of(i.kind)
    a, b = _operands(code, i, bits)
    code.write(i.operands[0], code.emit(f"{i.opcode} i{bits} {a}, {b}"), bits)


@translates("lop3")
def _lop3(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    a, b, c = (code.read(operand, 32) for operand in i.operands[1:4])
    table, total = int(i.operands[4], 0), "0"
    for index in range(8):  # the sum over the ones of the truth table of the products of its inputs
        if table >> index & 1:
            term = "-1"
            for value, bit in ((a, index >> 2 & 1), (b, index >> 1 & 1), (c, index & 1)):
                literal = value if bit else code.emit(f"xor i32 {value}, -1")
                term = code.emit(f"and i32 {term}, {literal}")
            total = code.emit(f"or i32 {total}, {term}")
    code.write(i.operands[0], total, 32)


@translates("shl", "shr")
def _shift(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    bits = bits_of(i.kind)
    a, amount = code.read(i.operands[1], bits), code.read(i.operands[2], 32)
    large = code.emit(f"icmp uge i32 {amount}, {bits}")
    arithmetic = i.opcode == "shr" and is_signed(i.kind)
    clamped = code.emit(f"select i1 {large}, i32 {bits - 1 if arithmetic else 0}, i32 {amount}")
    by = code.cast(clamped, 32, bits)
    value = code.emit(f"{'shl' if i.opcode == 'shl' else 'ashr' if arithmetic else 'lshr'} i{bits} {a}, {by}")
    if not arithmetic:
        value = code.emit(f"select i1 {large}, i{bits} 0, i{bits} {value}")
    code.write(i.operands[0], value, bits)


@translates("shf")
def _funnel(code: Emitter, i: Instruction) -> None:
    _only(code, i, "l", "r", "wrap", "clamp")
    low, high, amount = (code.read(operand, 32) for operand in i.operands[1:4])
    if "wrap" in i.modifiers:
        by = code.emit(f"and i32 {amount}, 31")
    else:
        by = code.emit(f"call i32 @llvm.umin.i32(i32 {amount}, i32 32)")
    both = code.emit(f"shl i64 {code.cast(high, 32, 64)}, 32")
    both = code.emit(f"or i64 {both}, {code.cast(low, 32, 64)}")
    by = code.cast(by, 32, 64)
    if "l" in i.modifiers:
        value = code.emit(f"lshr i64 {code.emit(f'shl i64 {both}, {by}')}, 32")
    else:
        value = code.emit(f"lshr i64 {both}, {by}")
    code.write(i.operands[0], code.cast(value, 64, 32), 32)


@translates("prmt")
def _permute(code: Emitter, i: Instruction) -> None:
    if i.modifiers != ("b32",):
        raise code.refuse(i)
    a, b, selector = (code.read(operand, 32) for operand in i.operands[1:4])
    both = code.emit(f"shl i64 {code.cast(b, 32, 64)}, 32")
    both, total = code.emit(f"or i64 {both}, {code.cast(a, 32, 64)}"), "0"
    for place in range(4):
        chosen = code.emit(f"lshr i32 {selector}, {4 * place}")
        shift = code.emit(f"shl i32 {code.emit(f'and i32 {chosen}, 7')}, 3")
        byte = code.cast(code.emit(f"lshr i64 {both}, {code.cast(shift, 32, 64)}"), 64, 8)
        sign = code.emit(f"ashr i8 {byte}, 7")
        spread = code.emit(f"icmp ne i32 {code.emit(f'and i32 {chosen}, 8')}, 0")
        part = code.cast(code.emit(f"select i1 {spread}, i8 {sign}, i8 {byte}"), 8, 32)
        total = code.emit(f"or i32 {total}, {code.emit(f'shl i32 {part}, {8 * place}')}")
    code.write(i.operands[0], total, 32)


@translates("popc")
def _count_ones(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    bits = bits_of(i.kind)
    (a,) = _operands(code, i, bits)
    count = code.emit(f"call i{bits} @llvm.ctpop.i{bits}(i{bits} {a})")
    code.write(i.operands[0], code.cast(count, bits, 32), 32)


@translates("brev")
def _reverse(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    bits = bits_of(i.kind)
    (a,) = _operands(code, i, bits)
    code.write(i.operands[0], code.emit(f"call i{bits} @llvm.bitreverse.i{bits}(i{bits} {a})"), bits)


@translates("clz")
def _leading_zeros(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    bits = bits_of(i.kind)
    (a,) = _operands(code, i, bits)
    count = code.emit(f"call i{bits} @llvm.ctlz.i{bits}(i{bits} {a}, i1 false)")
    code.write(i.operands[0], code.cast(count, bits, 32), 32)


@translates("bfind")
def _highest_bit(code: Emitter, i: Instruction) -> None:
    _only(code, i, "shiftamt")
    bits, top = bits_of(i.kind), bits_of(i.kind) - 1
    (a,) = _operands(code, i, bits)
    if is_signed(i.kind):
        a = code.emit(f"xor i{bits} {a}, {code.emit(f'ashr i{bits} {a}, {top}')}")
    count = code.cast(code.emit(f"call i{bits} @llvm.ctlz.i{bits}(i{bits} {a}, i1 false)"), bits, 32)
    found = count if "shiftamt" in i.modifiers else code.emit(f"sub i32 {top}, {count}")
    none = code.emit(f"icmp eq i{bits} {a}, 0")
    code.write(i.operands[0], code.emit(f"select i1 {none}, i32 -1, i32 {found}"), 32)


@translates("bfe")
def _extract(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    bits, signed = bits_of(i.kind), is_signed(i.kind)
    wide, down = 2 * bits, "ashr" if signed else "lshr"
    start, length = (
        code.emit(f"call i{wide} @llvm.umin.i{wide}(i{wide} {_byte(code, operand, wide)}, i{wide} {bits})")
        for operand in i.operands[2:4]
    )
    value = code.cast(code.read(i.operands[1], bits), bits, wide, signed=signed)
    value = code.emit(f"{down} i{wide} {value}, {start}")
    # Up against the top of the double word, so that the way down fills with the field's own sign.
    none = code.emit(f"icmp eq i{wide} {length}, 0")
    space = code.emit(f"select i1 {none}, i{wide} 0, i{wide} {code.emit(f'sub i{wide} {wide}, {length}')}")
    value = code.emit(f"{down} i{wide} {code.emit(f'shl i{wide} {value}, {space}')}, {space}")
    value = code.emit(f"select i1 {none}, i{wide} 0, i{wide} {value}")
    code.write(i.operands[0], code.cast(value, wide, bits), bits)


@translates("bfi")
def _insert(code: Emitter, i: Instruction) -> None:
    _only(code, i)
    bits = bits_of(i.kind)
    wide = 2 * bits
    field, base = code.read(i.operands[1], bits), code.read(i.operands[2], bits)
    start, length = (_byte(code, operand, wide) for operand in i.operands[3:5])
    length = code.emit(f"call i{wide} @llvm.umin.i{wide}(i{wide} {length}, i{wide} {bits})")
    start = code.emit(f"call i{wide} @llvm.umin.i{wide}(i{wide} {start}, i{wide} {bits})")
    mask = code.emit(f"sub i{wide} {code.emit(f'shl i{wide} 1, {length}')}, 1")
    mask = code.cast(code.emit(f"shl i{wide} {mask}, {start}"), wide, bits)
    moved = code.cast(code.emit(f"shl i{wide} {code.cast(field, bits, wide)}, {start}"), wide, bits)
    kept = code.emit(f"and i{bits} {base}, {code.emit(f'xor i{bits} {mask}, -1')}")
    code.write(i.operands[0], code.emit(f"or i{bits} {kept}, {code.emit(f'and i{bits} {moved}, {mask}')}"), bits)


def _byte(code: Emitter, operand: str, bits: int) -> str:
    """Positions and lengths count modulo 256."""
    return code.cast(code.emit(f"and i32 {code.read(operand, 32)}, 255"), 32, bits)


@translates("setp")
def _compare(code: Emitter, i: Instruction) -> None:
    if i.kind[0] not in "bus":
        raise code.refuse(i)
    bits = bits_of(i.kind)
    a, b = code.read(i.operands[1], bits), code.read(i.operands[2], bits)
    unsigned, signed = _COMPARISONS[i.modifiers[0]]
    holds = code.emit(f"icmp {signed if is_signed(i.kind) else unsigned} i{bits} {a}, {b}")
    other = code.emit(f"xor i1 {holds}, true")
    if len(i.operands) > 3:
        combine = next(part for part in i.modifiers if part in {"and", "or", "xor"})
        third = code.read(i.operands[3], 1)
        holds, other = (code.emit(f"{combine} i1 {value}, {third}") for value in (holds, other))
    targets = i.operands[0].split("|")
    for target, value in zip(targets, (holds, other), strict=False):
        code.write(target.strip(), value, 1)


@translates("selp")
def _select(code: Emitter, i: Instruction) -> None:
    bits = int(i.kind[1:])
    a, b = code.read(i.operands[1], bits), code.read(i.operands[2], bits)
    code.write(i.operands[0], code.emit(f"select i1 {code.read(i.operands[3], 1)}, i{bits} {a}, i{bits} {b}"), bits)


@translates("cvt")
def _convert(code: Emitter, i: Instruction) -> None:
    if len(i.modifiers) != 2 or any(kind[0] not in "bus" for kind in i.modifiers):
        raise code.refuse(i)
    to_kind, from_kind = i.modifiers
    to_bits, from_bits = bits_of(to_kind), bits_of(from_kind)
    value = code.cast(code.read(i.operands[1], from_bits), from_bits, to_bits, signed=is_signed(from_kind))
    code.write(i.operands[0], value, to_bits, signed=is_signed(to_kind))
