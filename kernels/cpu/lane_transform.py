"""Number-theoretic transforms in lanes.

A transform of n = n1 n2 points is a matrix of n1 rows and n2 columns, transformed column by column, then row by row.
With X = g w^k, k = k1 + n1 k2, and A_j(Y) the polynomial whose coefficients are column j,

    f(X) = sum_j X^j A_j(X^n2),    X^n2 = g^n2 w^(n2 k1).

The columns are thus evaluated on the coset of g^n2, all alike, and the values that belong to k1 are the coefficients
of a polynomial evaluated at (g w^k1) (w^n1)^k2: a coset for every k1. Twiddles that know their coset make both free,
and there is no multiplication between the two passes. Eight columns, then eight k1, ride in the eight lanes; they
and their twiddles stay in the L2 cache.

References
----------
D. H. Bailey, "FFTs in external or hierarchical memory", 1990 (the two passes).
J. W. Cooley, J. W. Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.cpu.compilation import U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.lane_element import LaneElement
from kernels.cpu.lane_field import LaneField, LaneSpec
from kernels.cpu.lane_vectors import LANES, WORD
from kernels.cpu.lane_words import load_words, pointers_to, store_words
from kernels.cpu.operation import call, operation
from kernels.curves import Curve

INT = types.int64


@dataclass(frozen=True)
class _BufferSpec(LaneSpec):
    """Elements of the lane buffer: below 8p, so that a butterfly reduces one operand of four, and no result."""

    def emit(self, builder: ir.IRBuilder) -> LaneField:
        """Bind the ring to a builder."""
        ring = super().emit(builder)
        ring.memory_limit = 8 * ring.modulus
        return ring


@dataclass(frozen=True)
class LaneTransformKernels:
    """Compiled passes; arrays flat. ``log2_n1`` and ``log2_n2`` are at least 3.

    Attributes
    ----------
    columns
        ``(values, twiddles, log2_n1, log2_n2, first, last, buffer, middle)``: transform eight columns at a time, those
        of blocks first .. last, from ``values`` in natural order into ``middle``, where eight k1 lie side by side.
    rows
        ``(middle, twiddles, factors, factor_step, log2_n1, log2_n2, first, last, buffer, out)``: evaluate for eight
        k1 at a time, those of blocks first .. last, into ``out`` in natural order, below p. ``factors``, unless empty,
        multiply the results: one vector for all (step 0), or one each (step 1).
    vector_words
        Words of eight elements in the buffer, which holds max(n1, n2) times as many.
    """

    columns: Callable[..., None]
    rows: Callable[..., None]
    vector_words: int


@compiled_once
def lane_transform_kernels(curve: Curve, native: bool) -> LaneTransformKernels:
    """Compile, or load, the transforms over a curve's scalar field."""
    kernels = KernelSet(f"{curve.name}.fr.lane_transform{'' if native else '_emulated'}")
    spec = _BufferSpec(curve.fr, native)
    load, store, store_canonical = _load(spec), _store(spec, canonical=False), _store(spec, canonical=True)
    two, four = _butterfly(spec, 2), _butterfly(spec, 4)
    multiply = operation(spec, lambda value, factor: value * _constant(factor), (1, 1), 1)

    @kernels.inner
    def transform(buffer: Any, log2_n: int, twiddles: Any, at: int) -> None:
        # Decimation in time, from bit-reversed order. Twiddle h + k serves pairs h apart at offset k.
        n, h = 1 << log2_n, 1
        if log2_n & 1:
            for start in range(0, n, 2):
                two(buffer, start, 1, twiddles, at + 1, 0)
            h = 2
        while h < n:
            for start in range(0, n, 4 * h):
                for k in range(h):
                    four(buffer, start + k, h, twiddles, at + h + k, at + 2 * h + k)
            h *= 4

    @kernels.inner
    def load_reversed(values: Any, start: int, step: int, log2_n: int, buffer: Any) -> None:
        n, j = 1 << log2_n, 0
        for i in range(n):
            load(buffer, j, values, start + i * step)
            bit = n >> 1
            while j & bit:
                j ^= bit
                bit >>= 1
            j |= bit

    @kernels.kernel(U64, U64, INT, INT, INT, INT, U64_OUT, U64_OUT)
    def columns(
        values: Any, twiddles: Any, log2_n1: int, log2_n2: int, first: int, last: int, buffer: Any, middle: Any
    ) -> None:
        n1, n2 = 1 << log2_n1, 1 << log2_n2
        for column in range(LANES * first, LANES * last, LANES):
            load_reversed(values, column, n2, log2_n1, buffer)
            transform(buffer, log2_n1, twiddles, 0)
            for k1 in range(n1):
                block, place = k1 // LANES, k1 % LANES
                store(middle, (block * n2 + column) * LANES + place, LANES, buffer, k1)

    @kernels.kernel(U64, U64, U64, INT, INT, INT, INT, INT, U64_OUT, U64_OUT)
    def rows(
        middle: Any,
        twiddles: Any,
        factors: Any,
        factor_step: int,
        log2_n1: int,
        log2_n2: int,
        first: int,
        last: int,
        buffer: Any,
        out: Any,
    ) -> None:
        n1, n2 = 1 << log2_n1, 1 << log2_n2
        for block in range(first, last):
            load_reversed(middle, block * n2 * LANES, LANES, log2_n2, buffer)
            transform(buffer, log2_n2, twiddles, block * n2)
            for k2 in range(n2):
                if len(factors):
                    multiply(buffer, k2, buffer, k2, factors, factor_step * (block * n2 + k2))
                store_canonical(out, k2 * n1 + block * LANES, 1, buffer, k2)

    return LaneTransformKernels(columns, rows, spec.words)


def _constant(element: LaneElement) -> LaneElement:
    """Twiddles and factors in memory are below p."""
    return LaneElement(element.ring, element.limbs, element.ring.modulus, 1)


def _butterfly(spec: LaneSpec, radix: int) -> Any:
    """Make the intrinsic ``butterfly(buffer, i, h, twiddles, j, k)`` of vectors i, i + h, ... in place.

    Of radix 4, it is two levels at once: pairs h apart turned by twiddle j, then pairs 2h apart by twiddles k, k + h.
    """
    formula = _cooley_tukey if radix == 2 else _cooley_tukey_twice

    def emit(builder: ir.IRBuilder, pointers: Sequence[ir.Value]) -> None:
        ring = spec.emit(builder)
        turns = [_constant(ring.load(pointer)) for pointer in pointers[radix:]]
        values = [ring.load(pointer) for pointer in pointers[:radix]]
        for value, pointer in zip(formula(values, turns), pointers, strict=False):
            ring.store(value, pointer)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        buffer, twiddles = (context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 3))
        i, h, j, k = (arguments[n] for n in (1, 2, 4, 5))
        places = [builder.add(i, builder.mul(h, WORD(e))) for e in range(radix)]
        turns = [j] if radix == 2 else [j, k, builder.add(k, h)]
        pointers = [
            builder.gep(array, [builder.mul(place, WORD(spec.words))])
            for array, several in ((buffer, places), (twiddles, turns))
            for place in several
        ]
        call(spec.name, formula, emit, builder, pointers)
        return context.get_dummy_value()

    def butterfly(_context: Any, buffer: Any, _i: Any, _h: Any, twiddles: Any, _j: Any, _k: Any) -> Any:
        return types.void(buffer, INT, INT, twiddles, INT, INT), generate

    return intrinsic(butterfly)


def _cooley_tukey(values: Sequence[LaneElement], turns: Sequence[LaneElement]) -> tuple[LaneElement, ...]:
    low, high = values
    return _sum_and_difference(_below_2p(low), high * turns[0])


def _cooley_tukey_twice(values: Sequence[LaneElement], turns: Sequence[LaneElement]) -> tuple[LaneElement, ...]:
    # Products stay below 1.5p, so the first pair below 4p, the results below 6p. The second pair, below 10p, is only
    # multiplied; a product by a twiddle takes anything below R / 2, which is 17p or more.
    first = _sum_and_difference(_below_2p(values[0]), values[1] * turns[0])
    second = _sum_and_difference(values[2], values[3] * turns[0])
    evens = _sum_and_difference(first[0], second[0] * turns[1])
    odds = _sum_and_difference(first[1], second[1] * turns[2])
    return evens[0], odds[0], evens[1], odds[1]


def _sum_and_difference(a: LaneElement, b: LaneElement) -> tuple[LaneElement, LaneElement]:
    return a + b, a - b


def _below_2p(element: LaneElement) -> LaneElement:
    return element.reduced(2 * element.ring.modulus)


def _load(spec: LaneSpec) -> Any:
    """Make the intrinsic ``load(buffer, i, values, start)``: eight neighbours below 2p from 64-bit words."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        buffer, values = (context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 2))
        places = [builder.add(arguments[3], WORD(lane)) for lane in range(LANES)]
        element = load_words(ring, pointers_to(builder, values, places))
        ring.store(element, builder.gep(buffer, [builder.mul(arguments[1], WORD(ring.words))]))
        return context.get_dummy_value()

    def load(_context: Any, buffer: Any, _i: Any, values: Any, _start: Any) -> Any:
        return types.void(buffer, INT, values, INT), generate

    return intrinsic(load)


def _store(spec: LaneSpec, *, canonical: bool) -> Any:
    """Make the intrinsic ``store(values, start, step, buffer, i)``: eight elements to 64-bit words, below p or 2p."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        values, buffer = (context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 3))
        element = ring.load(builder.gep(buffer, [builder.mul(arguments[4], WORD(ring.words))]))
        element = element.canonical() if canonical else _below_2p(element)
        places = [builder.add(arguments[1], builder.mul(arguments[2], WORD(lane))) for lane in range(LANES)]
        store_words(ring, element, pointers_to(builder, values, places))
        return context.get_dummy_value()

    def store(_context: Any, values: Any, _start: Any, _step: Any, buffer: Any, _i: Any) -> Any:
        return types.void(values, INT, INT, buffer, INT), generate

    return intrinsic(store)
