"""Eight elements of a field of four 64-bit words: from memory into lanes and back."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from kernels.cpu.lane_element import LaneElement
from kernels.cpu.lane_field import LaneField
from kernels.cpu.lane_rows import pack, store_group, transposed_group, unpack
from kernels.cpu.portable_field import WORD

WORDS = 4  # of an element of either scalar field; 2p fits, too


def pointers_to(builder: ir.IRBuilder, array: ir.Value, places: Sequence[ir.Value]) -> list[ir.Value]:
    """Where the elements of an array with these numbers begin."""
    return [builder.gep(array, [builder.mul(place, WORD(WORDS))]) for place in places]


def load_words(ring: LaneField, pointers: Sequence[ir.Value]) -> LaneElement:
    """Read eight elements, below what the ring has in memory."""
    return unpack(ring, transposed_group(ring.builder, pointers))


def store_words(ring: LaneField, element: LaneElement, pointers: Sequence[ir.Value]) -> None:
    """Write eight elements that are below 2p."""
    store_group(ring.builder, pack(ring, element, WORDS), pointers)


def words_product(a: LaneElement, b: LaneElement) -> LaneElement:
    """Return ``a b / 2^256``, the Montgomery product of 64-bit words, below p."""
    product = a * b  # divided by the lanes' R instead
    for _ in range((product.ring.R // product.ring.field.R).bit_length() - 1):
        product = product.double()
    return product.canonical()
