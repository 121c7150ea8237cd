"""Figures of GPUs, from their vendor's data sheets, and what the model assumes beyond them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A GPU.

    Attributes
    ----------
    clock_hz
        Boost clock; a card that is short of power runs below it.
    memory_bytes_s
        Memory bandwidth.
    warps
        Most warps of a multiprocessor.
    """

    name: str
    target: str
    multiprocessors: int
    clock_hz: float
    memory_bytes_s: float
    memory_bytes: int
    warps: int


CARDS = (
    Card("H100 SXM", "sm_90", 132, 1.755e9, 3.35e12, 80 << 30, 64),
    Card("A100 SXM 80 GB", "sm_80", 108, 1.41e9, 2.039e12, 80 << 30, 64),
    Card("L4", "sm_89", 58, 2.04e9, 0.300e12, 24 << 30, 48),
    Card("RTX 4090", "sm_89", 128, 2.52e9, 1.008e12, 24 << 30, 48),
)

WIDE_LANES = 32
"""32 x 32 + 64 bit multiply-adds that a multiprocessor does in a cycle. Not documented: inferred from runs that others
published. With 64 every arithmetic figure halves."""

OTHER_LANES = 64
"""Other integer instructions in a cycle; they overlap with the wide ones."""

ISSUE_LANES = 128
"""Instructions of any kind in a cycle: four schedulers, one warp each."""

LONE_WARP_CYCLES = 2.6
"""Cycles of one instruction of a product in a warp that is alone on its scheduler: 16 wide lanes take two, and the two
carry chains of a product hide most of the rest of a latency of four to five."""

EFFICIENCY = 0.65
"""What to plan for: the floor over this, for imbalance, waits for memory and instruction fetches."""

LAUNCH_S = 4e-6
"""From one small kernel to the next on a stream."""

HOST_DOUBLING_S = {"g1": 0.35e-6, "g2": 0.9e-6}
HOST_INVERSION_S = 12e-6
"""Last steps on one core of a CPU."""
