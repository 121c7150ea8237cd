"""Inversion in Fp and Fp2 by divsteps: about seven times faster than by Fermat's theorem.

The pair (f, g) starts as (p, x). A divstep halves g, after adding f where g is odd and swapping the two where that
makes progress; 30 divsteps depend only on the low bits of f and g, so they are gathered in a 2x2 matrix and applied to
the long numbers at once. When g is 0, f is 1 or -1, and the same matrices applied to (d, e) = (0, 1) modulo p have made
d the inverse, up to that sign. Numbers are signed, in 30-bit limbs.

Not constant-time: it stops when g is 0.

References
----------
D. J. Bernstein, B.-Y. Yang, "Fast constant-time gcd computation and modular inversion", TCHES 2019(3), sections 3
and 11; P. Wuille, "The safegcd implementation in libsecp256k1 explained", 2021 (the bounds on d and e).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.cpu.compilation import KernelSet, compiled_once
from kernels.cpu.operation import RingSpec, operation
from kernels.encoding import limbs_from_ints
from kernels.formulas.quadratic import QuadraticElement
from kernels.formulas.weierstrass import product

BITS = 30
MASK = (1 << BITS) - 1


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
    modulus = np.array([(p >> (BITS * i)) & MASK for i in range(limbs)], np.int64)
    p_inverse = pow(p, -1, 1 << BITS)
    # The plain inverse of x R is 1 / (x R); a Montgomery product by R^3 makes it R / x.
    to_form = limbs_from_ints([pow(spec.field.R, 3, p)], words).reshape(-1)
    multiply = operation(base, product, (1, 1), 1, outline=True)

    @kernels.inner
    def thirty_divsteps(eta: int, f: int, g: int, matrix: Any) -> int:
        # |u| + |v| and |q| + |r| end at most 2^30.
        u, v, q, r = 1, 0, 0, 1
        for _ in range(BITS):
            odd = -(g & 1)
            swap = odd & (eta >> 63)
            # Swap and negate: (f, g) = (g, -f) and the same for the rows, where swap is all ones.
            eta = (eta ^ swap) - swap
            f, g = f ^ (swap & (f ^ g)), (g ^ (swap & (f ^ g)))
            g = (g ^ swap) - swap
            u, q = u ^ (swap & (u ^ q)), (q ^ (swap & (u ^ q)))
            q = (q ^ swap) - swap
            v, r = v ^ (swap & (v ^ r)), (r ^ (swap & (v ^ r)))
            r = (r ^ swap) - swap
            g += f & odd
            q += u & odd
            r += v & odd
            g >>= 1
            u <<= 1
            v <<= 1
            eta -= 1
        matrix[0], matrix[1], matrix[2], matrix[3] = u, v, q, r
        return eta

    @kernels.inner
    def apply_exactly(f: Any, g: Any, matrix: Any) -> None:
        # (f, g) = matrix (f, g) / 2^30; the divsteps made both divisible.
        u, v, q, r = matrix[0], matrix[1], matrix[2], matrix[3]
        cf = (u * f[0] + v * g[0]) >> BITS
        cg = (q * f[0] + r * g[0]) >> BITS
        for i in range(1, limbs):
            cf += u * f[i] + v * g[i]
            cg += q * f[i] + r * g[i]
            f[i - 1] = cf & MASK
            g[i - 1] = cg & MASK
            cf >>= BITS
            cg >>= BITS
        f[limbs - 1] = cf
        g[limbs - 1] = cg

    @kernels.inner
    def apply_modulo(d: Any, e: Any, matrix: Any) -> None:
        # (d, e) = matrix (d, e) / 2^30 mod p: multiples of p make both divisible and keep them in (-2p, p).
        u, v, q, r = matrix[0], matrix[1], matrix[2], matrix[3]
        d_negative, e_negative = d[limbs - 1] >> 63, e[limbs - 1] >> 63
        md = (u & d_negative) + (v & e_negative)
        me = (q & d_negative) + (r & e_negative)
        cd = u * d[0] + v * e[0]
        ce = q * d[0] + r * e[0]
        md -= (p_inverse * (cd & MASK) + md) & MASK
        me -= (p_inverse * (ce & MASK) + me) & MASK
        cd = (cd + modulus[0] * md) >> BITS
        ce = (ce + modulus[0] * me) >> BITS
        for i in range(1, limbs):
            cd += u * d[i] + v * e[i] + modulus[i] * md
            ce += q * d[i] + r * e[i] + modulus[i] * me
            d[i - 1] = cd & MASK
            e[i - 1] = ce & MASK
            cd >>= BITS
            ce >>= BITS
        d[limbs - 1] = cd
        e[limbs - 1] = ce

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
            eta = thirty_divsteps(eta, f[0], g[0], matrix)
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
