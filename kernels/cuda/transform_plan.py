"""How a transform is cut into passes of radix-2 levels in shared memory. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

TILE_BITS = 10
"""log2 of the elements of a block: TILE in :file:`sources/ntt.cu`, 32 KiB of shared memory."""


@dataclass(frozen=True)
class Pass:
    """Levels whose butterflies join elements that differ in index bits ``low`` to ``low + levels - 1``.

    Attributes
    ----------
    columns_log2
        log2 of the neighbours that a block takes along, at most ``low``.
    """

    low: int
    levels: int
    columns_log2: int

    @property
    def tile_bits(self) -> int:
        """log2 of the elements of a block."""
        return self.levels + self.columns_log2


def plan_passes(log2_size: int) -> list[Pass]:
    """Passes from the lowest index bits to the highest, of nearly equal numbers of levels.

    The lowest pass reads contiguous elements; the others fill their tiles with neighbours, 32 bytes each, so that
    memory is read in stretches of 2^columns_log2 elements.
    """
    count = -(-log2_size // TILE_BITS)
    passes, low = [], 0
    for number in range(count):
        levels = (log2_size - low) // (count - number)
        passes.append(Pass(low, levels, min(low, TILE_BITS - levels)))
        low += levels
    return passes
