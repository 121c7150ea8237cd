"""Digits of the scalars of a multi-scalar multiplication, from parts cut by an endomorphism.

A digit of window w of a number k is (k + h) / 2^(c w) mod 2^c - 2^(c-1), where h has 2^(c-1) in every window but the
last: adding h once replaces all carries. Digits lie in [-2^(c-1), 2^(c-1) - 1], that of the last window in
[0, 2^(c-1)]. A part keeps |k| + h in one or a few words, word by word for all parts, and its sign apart, which turns
the digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.backend import Array
from kernels.cpu.compilation import U8_OUT, U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.portable_field import WORD
from kernels.curves import Curve, Group
from kernels.scalar_decomposition import Decomposition, decomposition

SCALAR_WORDS = 4
INT = types.int64


@dataclass(frozen=True)
class Parts:
    """Parts of the scalars of some MSMs over the same points.

    Attributes
    ----------
    words
        ``uint64[msms, words, parts]``: |k| + h.
    negative
        ``uint8[msms, parts]``.
    """

    words: Array
    negative: npt.NDArray[np.uint8]


def word_count(bits: int) -> int:
    """Words of |k| + h for |k| below 2^bits: h is below 2^bits, too."""
    return bits // 64 + 1


def halves(window_bits: int, windows: int) -> int:
    """The constant h."""
    return sum(1 << (window_bits * w + window_bits - 1) for w in range(windows - 1))


def split(
    curve: Curve,
    group: Group,
    images: int,
    scalars: Array,
    window_bits: int,
    windows: int,
    without: npt.NDArray[np.intp],
) -> Parts:
    """Cut scalars ``uint64[msms, n, 4]`` into parts j n + i; those of the points ``without`` become zero."""
    msms, n, _ = scalars.shape
    cut = decomposition(curve, group, images)
    count = word_count(cut.bits)
    h = np.frombuffer(halves(window_bits, windows).to_bytes(8 * count, "little"), np.uint64)
    words = np.empty((msms, count, images * n), np.uint64)
    negative = np.empty((msms, images * n), np.uint8)
    kernel = _split_kernel(curve, group, images)
    kernel(scalars.reshape(-1), msms, n, h, words.reshape(-1), negative.reshape(-1))
    if len(without):
        columns = (np.arange(images)[:, None] * n + without).reshape(-1)
        words[:, :, columns] = h[:, None]
    return Parts(words, negative)


@compiled_once
def _split_kernel(curve: Curve, group: Group, images: int) -> Callable[[Any, int, int, Any, Any, Any], None]:
    """Compile, or load, ``split(scalars, msms, n, h, words, negative)``, arrays flat."""
    cut_part = _part_cutter(decomposition(curve, group, images))
    # BN254's and BLS12-381's groups differ in constants only; G1 and G2 in the number of parts.
    kernels = KernelSet(f"{curve.name}.{group}.split_{images}")

    @kernels.kernel(U64, INT, INT, U64, U64_OUT, U8_OUT)
    def split_scalars(scalars: Any, msms: int, n: int, h: Any, words: Any, negative: Any) -> None:
        parts, count = images * n, len(h)
        for number in range(msms):
            of_msm = words[number * count * parts : (number + 1) * count * parts]
            signs = negative[number * parts : (number + 1) * parts]
            for i in range(n):
                cut_part(scalars[SCALAR_WORDS * number * n :], i, h, of_msm, signs, n)

    return split_scalars


def _part_cutter(cut: Decomposition) -> Any:
    """Make the intrinsic ``cut(scalars, i, h, words, negative, n)`` that writes the parts of scalar i."""
    count, images = word_count(cut.bits), cut.images
    narrow = ir.IntType(64 * count)  # signed, parts are below 2^bits

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        scalars, h, words, negative = (
            context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 2, 3, 4)
        )
        i, n = arguments[1], arguments[5]
        place = builder.gep(scalars, [builder.mul(i, WORD(SCALAR_WORDS))])
        scalar = _joined(builder, [builder.load(builder.gep(place, [WORD(w)])) for w in range(SCALAR_WORDS)])
        offset = _joined(builder, [builder.load(builder.gep(h, [WORD(w)])) for w in range(count)])
        for j, part in enumerate(_parts(builder, cut, scalar, narrow)):
            at = builder.add(builder.mul(WORD(j), n), i)
            minus = builder.icmp_signed("<", part, narrow(0))
            value = builder.add(builder.select(minus, builder.neg(part), part), offset)
            builder.store(builder.zext(minus, ir.IntType(8)), builder.gep(negative, [at]))
            for w in range(count):
                word = builder.trunc(builder.lshr(value, narrow(64 * w)), WORD) if count > 1 else value
                builder.store(word, builder.gep(words, [builder.add(builder.mul(WORD(w * images), n), at)]))
        return context.get_dummy_value()

    def cut_part(_context: Any, scalars: Any, _i: Any, h: Any, words: Any, negative: Any, _n: Any) -> Any:
        return types.void(scalars, types.int64, h, words, negative, types.int64), generate

    return intrinsic(cut_part)


def _joined(builder: ir.IRBuilder, words: Sequence[ir.Value]) -> ir.Value:
    kind = ir.IntType(64 * len(words))
    value = builder.zext(words[0], kind) if len(words) > 1 else words[0]
    for w, word in enumerate(words[1:], 1):
        value = builder.or_(value, builder.shl(builder.zext(word, kind), kind(64 * w)))
    return value


def _parts(builder: ir.IRBuilder, cut: Decomposition, scalar: ir.Value, narrow: ir.IntType) -> list[ir.Value]:
    """Parts of a scalar, as in :meth:`Decomposition.parts`, with k g / 2^t for k numerator / r.

    g = numerator 2^t / r is rounded, t has 8 bits more than r: the coordinate is off by 2^-9 at most before it is
    rounded, which the bits of a decomposition allow for.
    """
    if cut.endomorphism is None:
        whole = scalar.type
        far = builder.icmp_unsigned(">", scalar, whole(cut.r // 2))
        return [builder.select(far, builder.sub(scalar, whole(cut.r)), scalar)]
    shift = cut.r.bit_length() + 8
    factors = [((2 * numerator << shift) + cut.r) // (2 * cut.r) for numerator in cut.numerators]
    width = 64 * SCALAR_WORDS + 64 * -(-max(abs(g).bit_length() for g in factors) // 64)
    wide = ir.IntType(width)
    long = builder.zext(scalar, wide)
    coordinates = []
    for factor in factors:
        product = builder.add(builder.mul(long, wide(abs(factor))), wide(1 << (shift - 1)))
        coordinate = builder.trunc(builder.lshr(product, wide(shift)), narrow)
        coordinates.append(builder.neg(coordinate) if factor < 0 else coordinate)
    parts = []
    for i in range(cut.images):
        part = builder.trunc(scalar, narrow) if i == 0 else narrow(0)
        for coordinate, vector in zip(coordinates, cut.basis, strict=True):
            if vector[i]:
                part = builder.sub(part, builder.mul(coordinate, narrow(vector[i] % (1 << narrow.width))))
        parts.append(part)
    return parts
