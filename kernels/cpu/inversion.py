"""Inversion in Fp and Fp2 by divsteps: more than ten times faster than by Fermat's theorem.

The pair (f, g) starts as (p, x). A divstep halves g, after adding f where g is odd and swapping the two where that
makes progress; 62 divsteps depend only on the low bits of f and g, so they are gathered in a 2x2 matrix and applied to
the long numbers at once. When g is 0, f is 1 or -1, and the same matrices applied to (d, e) = (0, 1) modulo p have made
d the inverse, up to that sign. Numbers are signed, in 62-bit limbs.

Divsteps that only halve g go together, and a multiple of f chosen by the low bits of both clears several bits of g at
once. Not constant-time.

References
----------
D. J. Bernstein, B.-Y. Yang, "Fast constant-time gcd computation and modular inversion", TCHES 2019(3), sections 3
and 11; P. Wuille, "The safegcd implementation in libsecp256k1 explained", 2021 (sections 5 to 7: the bounds on d and e,
and the variable-time divsteps).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.cpu.compilation import KernelSet, compiled_once
from kernels.cpu.operation import RingSpec, operation
from kernels.encoding import limbs_from_ints
from kernels.formulas.quadratic import QuadraticElement
from kernels.formulas.weierstrass import product

BITS = 62
MASK = (1 << BITS) - 1
WORD, LONG = ir.IntType(64), ir.IntType(128)


@compiled_once
def inversion(spec: RingSpec) -> Callable[..., None]:
    """Make the Numba function ``invert(out, i, a, j)``: out[i] = 1 / a[j], Montgomery form; zero stays zero."""
    kernels = KernelSet(f"{spec.name}.inversion")
    if spec.degree == 2:
        return _quadratic_inversion(kernels, spec)
    base = RingSpec(spec.field, inline=False)
    p, words = spec.field.modulus, base.words
    # |d|, |e| < 2p and |f|, |g| <= p: two bits above p, for the sign and the doubling.
    limbs = (p.bit_length() + 2 + BITS - 1) // BITS
    digits = [(p >> (BITS * i)) & MASK for i in range(limbs)]
    modulus = np.array(digits, np.int64)
    apply_exactly, apply_modulo = _apply_exactly(limbs), _apply_modulo(digits, pow(p, -1, 1 << BITS))
    # The plain inverse of x R is 1 / (x R); a Montgomery product by R^3 makes it R / x.
    to_form = limbs_from_ints([pow(spec.field.R, 3, p)], words).reshape(-1)
    multiply = operation(base, product, (1, 1), 1, outline=True)

    @kernels.inner
    def divsteps(eta: int, f: int, g: int, matrix: Any) -> int:
        # f is odd, |u| + |v| and |q| + |r| end at most 2^62. Products wrap around: only low bits count.
        u, v, q, r = 1, 0, 0, 1
        left = BITS
        while True:
            zeros = min(trailing_zeros(g), left)
            g >>= zeros
            u <<= zeros
            v <<= zeros
            eta -= zeros
            left -= zeros
            if left == 0:
                matrix[0], matrix[1], matrix[2], matrix[3] = u, v, q, r
                return eta
            if eta < 0:
                eta = -eta
                f, g = g, -f
                u, q = q, -u
                v, r = r, -v
                # The next eta + 1 divsteps do not swap; f (f^2 - 2) is -1 / f modulo 2^6.
                w = (f * g * (f * f - 2)) & ((1 << min(eta + 1, left, 6)) - 1)
            else:
                # f + 8 where bit 2 of f + 1 is set is 1 / f modulo 2^4.
                w = (-(f + (((f + 1) & 4) << 1)) * g) & ((1 << min(eta + 1, left, 4)) - 1)
            g += f * w
            q += u * w
            r += v * w

    @kernels.inner
    def carry(d: Any) -> None:
        for i in range(limbs - 1):
            d[i + 1] += d[i] >> BITS
            d[i] &= MASK

    @kernels.inner
    def plain_inverse(out: Any, a: Any, start: int) -> None:
        d, e = np.zeros(limbs, np.int64), np.zeros(limbs, np.int64)
        f, g = np.empty(limbs, np.int64), np.empty(limbs, np.int64)
        matrix = np.empty(4, np.int64)
        e[0] = 1
        for i in range(limbs):
            word, shift = BITS * i // 64, BITS * i % 64
            value = np.uint64(0)
            if word < words:
                value = a[start + word] >> np.uint64(shift)
                if shift > 64 - BITS and word + 1 < words:
                    value |= a[start + word + 1] << np.uint64(64 - shift)
            f[i] = modulus[i]
            g[i] = np.int64(value & np.uint64(MASK))
        eta = -1
        while True:
            nonzero = np.int64(0)
            for i in range(limbs):
                nonzero |= g[i]
            if nonzero == 0:
                break
            eta = divsteps(eta, f[0], g[0], matrix)
            apply_modulo(d, e, matrix)
            apply_exactly(f, g, matrix)
        # d is in (-2p, p) and f is 1 or -1: into (-p, p), then the sign, then [0, p).
        if d[limbs - 1] < 0:
            for i in range(limbs):
                d[i] += modulus[i]
        if f[limbs - 1] < 0:
            for i in range(limbs):
                d[i] = -d[i]
        carry(d)
        if d[limbs - 1] < 0:
            for i in range(limbs):
                d[i] += modulus[i]
            carry(d)
        for k in range(words):
            out[k] = 0
        for i in range(limbs):
            word, shift = BITS * i // 64, BITS * i % 64
            if word < words:
                out[word] |= np.uint64(d[i]) << np.uint64(shift)
                if shift > 64 - BITS and word + 1 < words:
                    out[word + 1] |= np.uint64(d[i]) >> np.uint64(64 - shift)

    @kernels.inner
    def invert(out: Any, i: int, a: Any, j: int) -> None:
        plain = np.empty(words, np.uint64)
        plain_inverse(plain, a, j * words)
        multiply(out, i, plain, 0, to_form, 0)

    return invert


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(_context: Any, word: Any) -> Any:
    """Zeros behind the last one of an integer's bits; 64 of zero."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> ir.Value:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(word), generate


def _apply_exactly(limbs: int) -> Any:
    """Make ``apply(f, g, matrix)``: (f, g) = matrix (f, g) / 2^62; the divsteps made both divisible."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        (f, g), matrix = _operands(context, builder, signature, arguments, limbs)
        for out, (u, v) in zip(arguments[:2], (matrix[:2], matrix[2:]), strict=True):
            place = context.make_array(signature.args[0])(context, builder, out).data
            total = LONG(0)
            for i in range(limbs):
                total = builder.add(total, builder.add(builder.mul(u, f[i]), builder.mul(v, g[i])))
                total = _store_limb(builder, place, i, limbs, total)
        return context.get_dummy_value()

    def apply(_context: Any, f: Any, g: Any, matrix: Any) -> Any:
        return types.void(f, g, matrix), generate

    return intrinsic(apply)


def _apply_modulo(modulus: Sequence[int], p_inverse: int) -> Any:
    """Make ``apply(d, e, matrix)``: (d, e) = matrix (d, e) / 2^62 modulo p, both in (-2p, p).

    Multiples of p make both divisible; with one p more for each negative number they stay between these bounds.
    """
    limbs = len(modulus)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        (d, e), matrix = _operands(context, builder, signature, arguments, limbs)
        d_negative, e_negative = (builder.ashr(number[-1], LONG(63)) for number in (d, e))
        for out, (u, v) in zip(arguments[:2], (matrix[:2], matrix[2:]), strict=True):
            place = context.make_array(signature.args[0])(context, builder, out).data
            total = builder.add(builder.mul(u, d[0]), builder.mul(v, e[0]))
            multiple = builder.add(builder.and_(u, d_negative), builder.and_(v, e_negative))
            wrong = builder.add(builder.mul(builder.trunc(total, WORD), WORD(p_inverse)), builder.trunc(multiple, WORD))
            multiple = builder.sub(multiple, builder.zext(builder.and_(wrong, WORD(MASK)), LONG))
            for i in range(limbs):
                if i:
                    total = builder.add(total, builder.add(builder.mul(u, d[i]), builder.mul(v, e[i])))
                total = builder.add(total, builder.mul(multiple, LONG(modulus[i])))
                total = _store_limb(builder, place, i, limbs, total)
        return context.get_dummy_value()

    def apply(_context: Any, d: Any, e: Any, matrix: Any) -> Any:
        return types.void(d, e, matrix), generate

    return intrinsic(apply)


def _operands(
    context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any, limbs: int
) -> tuple[tuple[list[ir.Value], list[ir.Value]], list[ir.Value]]:
    """Limbs of two numbers, and a matrix; each a word, extended to twice that."""
    first, second, matrix = (
        [builder.sext(builder.load(builder.gep(place, [WORD(i)])), LONG) for i in range(count)]
        for place, count in (
            (context.make_array(signature.args[n])(context, builder, arguments[n]).data, count)
            for n, count in enumerate((limbs, limbs, 4))
        )
    )
    return (first, second), matrix


def _store_limb(builder: ir.IRBuilder, place: ir.Value, i: int, limbs: int, total: ir.Value) -> ir.Value:
    """Write limb i of a sum as limb i - 1, as for a division by 2^62, and return what the sum carries."""
    if i:
        limb = builder.and_(builder.trunc(total, WORD), WORD(MASK))
        builder.store(limb, builder.gep(place, [WORD(i - 1)]))
    total = builder.ashr(total, LONG(BITS))
    if i == limbs - 1:
        builder.store(builder.trunc(total, WORD), builder.gep(place, [WORD(i)]))
    return total


def _quadratic_inversion(kernels: KernelSet, spec: RingSpec) -> Callable[..., None]:
    invert, words = inversion(RingSpec(spec.field, inline=False)), spec.field.limbs
    norm = operation(spec, _norm, (1,), 1, outline=True)
    scale = operation(spec, _conjugate_scaled, (1, 1), 1, outline=True)

    @kernels.inner
    def invert_quadratic(out: Any, i: int, a: Any, j: int) -> None:
        n = np.empty(2 * words, np.uint64)
        norm(n, 0, a, j)
        invert(n, 0, n, 0)
        scale(out, i, a, j, n, 0)

    return invert_quadratic


def _norm(a: QuadraticElement) -> QuadraticElement:
    """Return c0^2 + c1^2, as an element of Fp2."""
    square = a.c0.square() + a.c1.square()
    return QuadraticElement(square, square - square)


def _conjugate_scaled(a: QuadraticElement, inverse_norm: QuadraticElement) -> QuadraticElement:
    """Return 1 / a from 1 / norm(a)."""
    return a.conjugate().scale(inverse_norm.c0)
