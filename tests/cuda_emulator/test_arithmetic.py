"""Every instruction against its definition on Python integers, on edge and random operands."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from tests.cuda_emulator import EmulatedDevice
from tests.cuda_emulator.mutable_kernels import Bench

_TEMPLATE = """
.version 8.0
.target sm_90
.address_size 64
.visible .entry apply(.param .u64 operands, .param .u64 results, .param .u32 count)
{{
  .reg .pred %p<9>, %end;
  .reg .b16 %h<9>;
  .reg .b32 %r<9>, %w<9>, %i, %n;
  .reg .b64 %d<9>, %x<9>, %from, %to, %place;
  ld.param.u64 %from, [operands];
  ld.param.u64 %to, [results];
  ld.param.u32 %n, [count];
  mov.u32 %i, %tid.x;
  setp.ge.u32 %end, %i, %n;
  @%end ret;
  mul.wide.u32 %place, %i, 32;
  add.s64 %from, %from, %place;
  add.s64 %to, %to, %place;
  ld.global.v2.u64 {{%d1, %d2}}, [%from];
  ld.global.v2.u64 {{%d3, %d4}}, [%from+16];
  cvt.u32.u64 %r1, %d1;
  cvt.u32.u64 %r2, %d2;
  cvt.u32.u64 %r3, %d3;
  cvt.u32.u64 %r4, %d4;
  cvt.u16.u64 %h1, %d1;
  cvt.u16.u64 %h2, %d2;
  mov.u64 %x1, 0;
  mov.u64 %x2, 0;
  mov.u32 %w1, 0;
  mov.u32 %w2, 0;
  {body}
  st.global.u64 [%to], %x1;
  st.global.u64 [%to+8], %x2;
  st.global.u32 [%to+16], %w1;
  st.global.u32 [%to+20], %w2;
  ret;
}}
"""

EDGES = (0, 1, 2, 31, 32, 33, 63, 64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)
M32, M64 = 2**32 - 1, 2**64 - 1


def signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def apply(body: str, operands: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Results x1, x2, w1, w2 of the instructions for operands %d1 to %d4 (%r1 to %r4 are their low halves)."""
    table = np.array(operands, np.uint64)
    image = _TEMPLATE.format(body=body).encode()
    results = np.zeros((len(operands), 4), np.uint64)
    with EmulatedDevice() as device:
        bench = Bench(device)
        kernel_module = device.load(image)
        for start in range(0, len(operands), 512):
            part = table[start : start + 512]
            out = bench.zeros(4 * len(part), np.uint64)
            arguments = [bench.uploaded(part), out, np.uint32(len(part))]
            device.launch(kernel_module.kernel("apply"), (1, 1, 1), (512, 1, 1), arguments, bench.stream)
            results[start : start + 512] = bench.downloaded(out, np.uint64).reshape(-1, 4)
    return [(int(x1), int(x2), int(w) & M32, int(w) >> 32) for x1, x2, w, _ in results]


def operands(seed: int = 0) -> list[tuple[int, int, int, int]]:
    rng = random.Random(seed)
    edge = [(a, b, rng.choice(EDGES), rng.choice(EDGES)) for a, b in itertools.product(EDGES, EDGES)]
    edge += [(rng.choice(EDGES), rng.choice(EDGES), c, d) for c, d in itertools.product(EDGES, EDGES)]
    return edge + [tuple(rng.getrandbits(64) for _ in range(4)) for _ in range(100)]


def clamped_shift(value: int, amount: int, bits: int, kind: str) -> int:
    amount &= M32
    if kind == "l":
        return value << amount & ((1 << bits) - 1) if amount < bits else 0
    if kind == "s":
        return signed(value, bits) >> min(amount, bits - 1)
    return value >> amount if amount < bits else 0


def funnel(low: int, high: int, amount: int, direction: str, mode: str) -> int:
    amount = amount & 31 if mode == "wrap" else min(amount, 32)
    both = high << 32 | low
    return (both << amount) >> 32 & M32 if direction == "l" else both >> amount & M32


def permuted(a: int, b: int, selector: int) -> int:
    pool, out = (b << 32 | a).to_bytes(8, "little"), 0
    for place in range(4):
        choice = selector >> 4 * place & 15
        byte = pool[choice & 7]
        if choice & 8:
            byte = 0xFF if byte & 0x80 else 0
        out |= byte << 8 * place
    return out


def extracted(value: int, start: int, length: int, bits: int, *, sign: bool) -> int:
    start, length = start & 255, length & 255
    if not length:
        return 0
    out = 0
    fill = (value >> min(start + length - 1, bits - 1)) & 1 if sign else 0
    for place in range(bits):
        inside = place < length and start + place < bits
        out |= (value >> (start + place) & 1 if inside else fill) << place
    return out


def inserted(field: int, base: int, start: int, length: int, bits: int) -> int:
    start, length = start & 255, length & 255
    for place in range(length):
        if start + place < bits:
            base = base & ~(1 << (start + place)) | (field >> place & 1) << (start + place)
    return base


def looked_up(a: int, b: int, c: int, table: int) -> int:
    out = 0
    for bit in range(32):
        index = (a >> bit & 1) << 2 | (b >> bit & 1) << 1 | c >> bit & 1
        out |= (table >> index & 1) << bit
    return out


def highest(value: int, bits: int, *, sign: bool) -> int:
    value = ~value & ((1 << bits) - 1) if sign and value >> (bits - 1) else value
    return value.bit_length() - 1 & M32


WORD = {  # instructions that leave 32 bits in %w1, from the low words a, b, c of the first three operands
    "add.u32 %w1, %r1, %r2;": lambda a, b, c: a + b,
    "sub.s32 %w1, %r1, %r2;": lambda a, b, c: a - b,
    "mul.lo.s32 %w1, %r1, %r2;": lambda a, b, c: a * b,
    "mul.hi.u32 %w1, %r1, %r2;": lambda a, b, c: a * b >> 32,
    "mul.hi.s32 %w1, %r1, %r2;": lambda a, b, c: signed(a, 32) * signed(b, 32) >> 32,
    "mad.lo.s32 %w1, %r1, %r2, %r3;": lambda a, b, c: a * b + c,
    "mad.hi.u32 %w1, %r1, %r2, %r3;": lambda a, b, c: (a * b >> 32) + c,
    "mad.hi.s32 %w1, %r1, %r2, %r3;": lambda a, b, c: (signed(a, 32) * signed(b, 32) >> 32) + c,
    "neg.s32 %w1, %r1;": lambda a, b, c: -a,
    "abs.s32 %w1, %r1;": lambda a, b, c: abs(signed(a, 32)),
    "not.b32 %w1, %r1;": lambda a, b, c: ~a,
    "cnot.b32 %w1, %r1;": lambda a, b, c: int(a == 0),
    "min.u32 %w1, %r1, %r2;": lambda a, b, c: min(a, b),
    "max.s32 %w1, %r1, %r2;": lambda a, b, c: max(signed(a, 32), signed(b, 32)),
    "and.b32 %w1, %r1, %r2;": lambda a, b, c: a & b,
    "or.b32 %w1, %r1, %r2;": lambda a, b, c: a | b,
    "xor.b32 %w1, %r1, -2;": lambda a, b, c: a ^ (M32 - 1),
    "lop3.b32 %w1, %r1, %r2, %r3, 0x96;": lambda a, b, c: a ^ b ^ c,
    "lop3.b32 %w1, %r1, %r2, %r3, 0xE4;": lambda a, b, c: looked_up(a, b, c, 0xE4),
    "shl.b32 %w1, %r1, %r2;": lambda a, b, c: clamped_shift(a, b, 32, "l"),
    "shr.u32 %w1, %r1, %r2;": lambda a, b, c: clamped_shift(a, b, 32, "u"),
    "shr.s32 %w1, %r1, %r2;": lambda a, b, c: clamped_shift(a, b, 32, "s"),
    "shf.l.wrap.b32 %w1, %r1, %r2, %r3;": lambda a, b, c: funnel(a, b, c, "l", "wrap"),
    "shf.r.wrap.b32 %w1, %r1, %r2, %r3;": lambda a, b, c: funnel(a, b, c, "r", "wrap"),
    "shf.l.clamp.b32 %w1, %r1, %r2, %r3;": lambda a, b, c: funnel(a, b, c, "l", "clamp"),
    "shf.r.clamp.b32 %w1, %r1, %r2, %r3;": lambda a, b, c: funnel(a, b, c, "r", "clamp"),
    "prmt.b32 %w1, %r1, %r2, %r3;": permuted,
    "prmt.b32 %w1, %r1, %r2, 0x1C7A;": lambda a, b, c: permuted(a, b, 0x1C7A),
    "bfe.u32 %w1, %r1, %r2, %r3;": lambda a, b, c: extracted(a, b, c, 32, sign=False),
    "bfe.s32 %w1, %r1, %r2, %r3;": lambda a, b, c: extracted(a, b, c, 32, sign=True),
    "bfe.u32 %w1, %r1, 7, 9;": lambda a, b, c: a >> 7 & 511,
    "bfi.b32 %w1, %r1, %r2, %r3, 11;": lambda a, b, c: inserted(a, b, c, 11, 32),
    "bfi.b32 %w1, %r1, %r2, 5, %r3;": lambda a, b, c: inserted(a, b, 5, c, 32),
    "popc.b32 %w1, %r1;": lambda a, b, c: a.bit_count(),
    "clz.b32 %w1, %r1;": lambda a, b, c: 32 - a.bit_length(),
    "brev.b32 %w1, %r1;": lambda a, b, c: int(f"{a:032b}"[::-1], 2),
    "bfind.u32 %w1, %r1;": lambda a, b, c: highest(a, 32, sign=False),
    "bfind.s32 %w1, %r1;": lambda a, b, c: highest(a, 32, sign=True),
    "bfind.shiftamt.u32 %w1, %r1;": lambda a, b, c: 32 - a.bit_length() if a else M32,
    "setp.lt.s32 %p1, %r1, %r2; selp.b32 %w1, %r3, 5, %p1;": lambda a, b, c: c if signed(a, 32) < signed(b, 32) else 5,
    "setp.hs.u32 %p1|%p2, %r1, %r2; selp.u32 %w1, 1, 2, %p2;": lambda a, b, c: 1 if a < b else 2,
    "setp.ge.u32 %p1, %r1, %r3; setp.eq.and.u32 %p2, %r1, %r2, !%p1; selp.u32 %w1, 1, 0, %p2;": (
        lambda a, b, c: int(a == b and a < c)
    ),
    "setp.gt.u32 %p1, %r1, %r2; setp.ne.or.s32 %p2, %r2, %r3, %p1; selp.u32 %w1, 1, 0, %p2;": (
        lambda a, b, c: int(b != c or a > b)
    ),
    "setp.le.u32 %p1, %r1, %r2; not.pred %p2, %p1; @%p2 add.u32 %w1, %r1, 1; @!%p2 mov.u32 %w1, %r3;": (
        lambda a, b, c: a + 1 if a > b else c
    ),
    "setp.le.u32 %p1, %r1, %r2; mov.pred %p3, %p1; xor.pred %p2, %p1, %p3; selp.u32 %w1, 1, 0, %p2;": (
        lambda a, b, c: 0
    ),
    "cvt.u32.u16 %w1, %h1;": lambda a, b, c: a & 0xFFFF,
    "cvt.s32.s16 %w1, %h1;": lambda a, b, c: signed(a, 16),
    "cvt.s32.s8 %w1, %r1;": lambda a, b, c: signed(a, 8),
    "mov.b32 {%h3, %h4}, %r1; mov.b32 %w1, {%h4, %h3};": lambda a, b, c: a >> 16 | a << 16,
    "mul.wide.u16 %w1, %h1, %h2;": lambda a, b, c: (a & 0xFFFF) * (b & 0xFFFF),
    "add.s16 %h3, %h1, %h2; cvt.u32.u16 %w1, %h3;": lambda a, b, c: a + b & 0xFFFF,
    "{ .reg .b32 %r1; mov.u32 %r1, 9; add.u32 %w1, %r1, 1; } add.u32 %w1, %w1, %r1;": lambda a, b, c: a + 10,
    "div.u32 %w1, %r1, 7; rem.u32 %w2, %r1, 7; mad.lo.u32 %w1, %w1, 7, %w2;": lambda a, b, c: a,
}

DOUBLE = {  # instructions that leave 64 bits in %x1, from the operands a, b, c
    "add.s64 %x1, %d1, %d2;": lambda a, b, c: a + b,
    "sub.s64 %x1, %d1, %d2;": lambda a, b, c: a - b,
    "mul.lo.u64 %x1, %d1, %d2;": lambda a, b, c: a * b,
    "mul.hi.u64 %x1, %d1, %d2;": lambda a, b, c: a * b >> 64,
    "mul.hi.s64 %x1, %d1, %d2;": lambda a, b, c: signed(a, 64) * signed(b, 64) >> 64,
    "mul.wide.u32 %x1, %r1, %r2;": lambda a, b, c: (a & M32) * (b & M32),
    "mul.wide.s32 %x1, %r1, %r2;": lambda a, b, c: signed(a, 32) * signed(b, 32),
    "mad.wide.u32 %x1, %r1, %r2, %d3;": lambda a, b, c: (a & M32) * (b & M32) + c,
    "mad.lo.u64 %x1, %d1, %d2, %d3;": lambda a, b, c: a * b + c,
    "shl.b64 %x1, %d1, %r2;": lambda a, b, c: clamped_shift(a, b, 64, "l"),
    "shr.u64 %x1, %d1, %r2;": lambda a, b, c: clamped_shift(a, b, 64, "u"),
    "shr.s64 %x1, %d1, %r2;": lambda a, b, c: clamped_shift(a, b, 64, "s"),
    "bfe.u64 %x1, %d1, %r2, %r3;": lambda a, b, c: extracted(a, b, c, 64, sign=False),
    "bfe.s64 %x1, %d1, %r2, %r3;": lambda a, b, c: extracted(a, b, c, 64, sign=True),
    "bfi.b64 %x1, %d1, %d2, %r3, 40;": lambda a, b, c: inserted(a, b, c, 40, 64),
    "popc.b64 %w1, %d1; cvt.u64.u32 %x1, %w1; mov.u32 %w1, 0;": lambda a, b, c: a.bit_count(),
    "clz.b64 %w1, %d1; cvt.u64.u32 %x1, %w1; mov.u32 %w1, 0;": lambda a, b, c: 64 - a.bit_length(),
    "brev.b64 %x1, %d1;": lambda a, b, c: int(f"{a:064b}"[::-1], 2),
    "min.s64 %x1, %d1, %d2;": lambda a, b, c: min(signed(a, 64), signed(b, 64)),
    "max.u64 %x1, %d1, %d2;": lambda a, b, c: max(a, b),
    "setp.lt.u64 %p1, %d1, %d2; selp.b64 %x1, %d3, %d1, %p1;": lambda a, b, c: c if a < b else a,
    "mov.b64 {%w1, %w2}, %d1; mov.b64 %x1, {%w2, %w1}; mov.u32 %w1, 0; mov.u32 %w2, 0;": (
        lambda a, b, c: a >> 32 | a << 32
    ),
    "cvt.s64.s32 %x1, %r1;": lambda a, b, c: signed(a, 32),
    "cvt.u64.u32 %x1, %r1;": lambda a, b, c: a & M32,
    "add.cc.u64 %x1, %d1, %d2; addc.u64 %x1, %d3, 0;": lambda a, b, c: c + (a + b >> 64),
    "sub.cc.u64 %x1, %d1, %d2; subc.u64 %x1, %d3, 0;": lambda a, b, c: c - (a < b),
    "div.u64 %x1, %d1, 1000003;": lambda a, b, c: a // 1000003,
    "rem.s64 %x1, %d1, 1000003;": lambda a, b, c: (
        signed(a, 64) - int(signed(a, 64) / 1000003) * 1000003
        if abs(signed(a, 64)) < 2**50
        else (abs(signed(a, 64)) % 1000003) * (-1 if signed(a, 64) < 0 else 1)
    ),
}


@pytest.mark.parametrize("text", WORD)
def test_word_instructions(text):
    cases = operands()
    results = apply(text, cases)
    for (a, b, c, _), (_, _, w1, _) in zip(cases, results, strict=True):
        assert w1 == WORD[text](a & M32, b & M32, c & M32) & M32, (hex(a), hex(b), hex(c))


@pytest.mark.parametrize("text", DOUBLE)
def test_double_word_instructions(text):
    cases = operands(1)
    results = apply(text, cases)
    for (a, b, c, _), (x1, _, _, _) in zip(cases, results, strict=True):
        assert x1 == DOUBLE[text](a, b, c) & M64, (hex(a), hex(b), hex(c))


def test_carry_goes_through_a_chain_of_sums():
    body = """
      add.cc.u32 %w1, %r1, %r3;
      addc.cc.u32 %w2, %r2, %r4;
      addc.u32 %r5, 0, 0;
      cvt.u64.u32 %x1, %r5;
    """
    cases = operands(2)
    for (a, b, c, d), (x1, _, w1, w2) in zip(cases, apply(body, cases), strict=True):
        total = ((b & M32) << 32 | a & M32) + ((d & M32) << 32 | c & M32)
        assert x1 << 64 | w2 << 32 | w1 == total


def test_borrow_goes_through_a_chain_of_differences():
    body = """
      sub.cc.u32 %w1, %r1, %r3;
      subc.cc.u32 %w2, %r2, %r4;
      subc.u32 %r5, 0, 0;
      cvt.s64.s32 %x1, %r5;
    """
    cases = operands(3)
    for (a, b, c, d), (x1, _, w1, w2) in zip(cases, apply(body, cases), strict=True):
        difference = ((b & M32) << 32 | a & M32) - ((d & M32) << 32 | c & M32)
        assert w2 << 32 | w1 == difference & M64
        assert x1 == (M64 if difference < 0 else 0)


@pytest.mark.parametrize("order", ["lo first", "hi first"])
def test_products_accumulate_with_carry(order):
    """(%r1 + %r2 2^32) %r3 + %d4, as the rows of a Montgomery multiplication do it."""
    low = "mad.lo.cc.u32 %r5, %r1, %r3, %r5; madc.hi.cc.u32 %r6, %r1, %r3, %r6; addc.u32 %r7, 0, 0;"
    high = "mad.lo.cc.u32 %r6, %r2, %r3, %r6; madc.hi.u32 %r7, %r2, %r3, %r7;"
    start = "mov.b64 {%r5, %r6}, %d4; mov.u32 %r7, 0;"
    split = "mul.lo.u32 %r5, %r2, %r3; mul.hi.u32 %r6, %r2, %r3; mov.b64 {%r7, %r8}, %d4;"
    other = (
        "mad.lo.cc.u32 %r7, %r1, %r3, %r7; madc.lo.cc.u32 %r8, %r2, %r3, %r8; madc.hi.u32 %r6, %r2, %r3, 0;"
        "mad.hi.cc.u32 %r8, %r1, %r3, %r8; addc.u32 %r6, %r6, 0; mov.u32 %r5, %r7; mov.u32 %r7, %r6; mov.u32 %r6, %r8;"
    )
    body = (start + low + high if order == "lo first" else split + other) + (
        "mov.b64 %x1, {%r5, %r6}; cvt.u64.u32 %x2, %r7;"
    )
    cases = operands(4)
    for (a, b, c, d), (x1, x2, _, _) in zip(cases, apply(body, cases), strict=True):
        total = ((b & M32) << 32 | a & M32) * (c & M32) + d
        assert (x2 << 64 | x1) == total & (2**96 - 1)
