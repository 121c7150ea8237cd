"""Single field elements into single lanes of a vector, and out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.cpu.compilation import KernelSet
from kernels.cpu.lane_field import limb_count
from kernels.cpu.lane_vectors import LANES, MASK, RADIX
from kernels.curves import PrimeField


def entering(kernels: KernelSet, field: PrimeField) -> Callable[[Any, int, Any, int], None]:
    """Make the Numba function ``enter(out, start, values, at)``.

    It splits the element at word ``at`` of ``values`` into 52-bit limbs, as they are, the first at word ``start``.
    """
    words, limbs = field.limbs, limb_count(field)

    @kernels.inner
    def enter(out: Any, start: int, values: Any, at: int) -> None:
        for j in range(limbs):
            word, shift = RADIX * j // 64, RADIX * j % 64
            value = values[at + word] >> np.uint64(shift)
            if shift > 64 - RADIX and word + 1 < words:
                value |= values[at + word + 1] << np.uint64(64 - shift)
            out[start + LANES * j] = value & np.uint64(MASK)

    return enter


def leaving(kernels: KernelSet, field: PrimeField) -> Callable[[Any, int, Any, int], None]:
    """Make the Numba function ``leave(out, at, values, start)``, the way back; limbs below 2^52."""
    words, limbs = field.limbs, limb_count(field)

    @kernels.inner
    def leave(out: Any, at: int, values: Any, start: int) -> None:
        for w in range(words):
            out[at + w] = 0
        for j in range(limbs):
            word, shift = RADIX * j // 64, RADIX * j % 64
            digit = values[start + LANES * j]
            if word < words:
                out[at + word] |= digit << np.uint64(shift)
            if shift > 64 - RADIX and word + 1 < words:
                out[at + word + 1] |= digit >> np.uint64(64 - shift)

    return leave
