"""Eight elements of a field of four 64-bit words: from memory into lanes and back."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from kernels.cpu.lane_field import LANES, LaneElement, LaneField
from kernels.cpu.lane_rows import INDEX, pack, transpose, unpack
from kernels.cpu.portable_field import WORD

WORDS = 4  # of an element of either scalar field; 2p fits, too
_HALF = ir.VectorType(WORD, WORDS)


def pointers_to(builder: ir.IRBuilder, array: ir.Value, places: Sequence[ir.Value]) -> list[ir.Value]:
    """Where the elements of an array with these numbers begin."""
    return [builder.gep(array, [builder.mul(place, WORD(WORDS))]) for place in places]


def load_words(ring: LaneField, pointers: Sequence[ir.Value]) -> LaneElement:
    """Read eight elements, below what the ring has in memory."""
    b, halves = ring.builder, []
    for pointer in pointers:
        half = b.load(b.bitcast(pointer, _HALF.as_pointer()))
        half.align = 8
        halves.append(half)
    join = ir.Constant(ir.VectorType(INDEX, LANES), list(range(LANES)))
    return unpack(ring, transpose(b, [b.shuffle_vector(halves[i], halves[i + WORDS], join) for i in range(WORDS)]))


def store_words(ring: LaneField, element: LaneElement, pointers: Sequence[ir.Value]) -> None:
    """Write eight elements that are below 2p."""
    b, rows = ring.builder, transpose(ring.builder, pack(ring, element, WORDS))
    for lane, pointer in enumerate(pointers):
        part = ir.Constant(ir.VectorType(INDEX, WORDS), [lane // WORDS * WORDS + word for word in range(WORDS)])
        half = b.shuffle_vector(rows[lane % WORDS], rows[lane % WORDS], part)
        b.store(half, b.bitcast(pointer, _HALF.as_pointer())).align = 8


def words_product(a: LaneElement, b: LaneElement) -> LaneElement:
    """Return ``a b / 2^256``, the Montgomery product of 64-bit words, below p."""
    product = a * b  # divided by the lanes' R instead
    for _ in range((product.ring.R // product.ring.field.R).bit_length() - 1):
        product = product.double()
    return product.canonical()
