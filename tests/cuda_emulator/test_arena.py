"""Device memory: addresses, states, poison, and cells that become finer."""

from __future__ import annotations

import numpy as np

from tests.cuda_emulator.arena import ALIGN_BYTES, Arena
from tests.cuda_emulator.checks import CELL_WORDS
from tests.cuda_emulator.layout import State


def test_pieces_are_aligned_apart_poisoned_and_counted():
    arena = Arena(1 << 16, 0x5A, checked=True)
    pieces = [(arena.take(size), size) for size in (1, 100, 5000)]
    previous_end = 0
    for offset, size in pieces:
        assert offset is not None
        assert offset % ALIGN_BYTES == 0
        assert offset - previous_end >= 2048
        assert (arena.bytes[offset : offset + size] == 0x5A).all()
        assert (arena.states[offset : offset + size] == State.ALLOCATED).all()
        assert arena.states[offset + size] == 0
        assert arena.states[offset - 1] == 0
        previous_end = offset + size
    assert arena.used_bytes == 256 + 256 + 5120


def test_released_pieces_are_nonsense_that_nobody_owns_and_come_back_last():
    arena = Arena(1 << 14, 1, checked=True)
    seen = set()
    for _ in range(200):
        offset = arena.take(4096)
        assert offset is not None
        assert (arena.states[offset : offset + 4096] == State.ALLOCATED).all()
        arena.cells[offset >> 2] = 7
        arena.release(offset, 4096)
        assert (arena.states[offset : offset + 4096] == State.FREED).all()
        assert (arena.bytes[offset : offset + 4096] == 0xFE).all()
        seen.add(offset)
    assert 100 < len(seen) < 200
    offset = arena.take(4096)
    assert offset in seen
    assert not arena.cells[offset >> 2].any()


def test_what_does_not_fit_is_refused():
    arena = Arena(1 << 14, 1, checked=True)
    assert arena.take((1 << 14) + 1) is None
    offset = arena.take(1 << 14)
    assert offset is not None
    assert arena.take(1) is None
    arena.release(offset, 1 << 14)
    assert arena.take(1) is not None


def test_finer_cells_know_what_the_coarse_ones_knew():
    arena = Arena(1 << 14, 1, checked=True)
    offset = arena.take(64)
    assert offset is not None
    arena.cells[offset >> 2] = np.arange(1, CELL_WORDS + 1)
    arena.refine(1)
    assert arena.granule_shift == 0
    for byte in range(4):
        assert np.array_equal(arena.cells[offset + byte], np.arange(1, CELL_WORDS + 1))
    assert not arena.cells[offset + 4].any()
    arena.refine(4)
    assert arena.granule_shift == 0
