"""The phases of a proof: at once its progress steps, metric labels and profiler span names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeAlias

from kernels.backend import Interrupted
from prover.errors import Cancelled


class Phase(StrEnum):
    """In the order in which they run."""

    CHECK_WITNESS = "check_witness"
    WITNESS_MAP = "witness_map"
    MSM_A = "msm_a"
    MSM_B_G1 = "msm_b_g1"
    MSM_B_G2 = "msm_b_g2"
    MSM_C = "msm_c"
    VERIFY = "verify"


OnPhase: TypeAlias = Callable[[Phase, float], None]
"""Called as each phase ends, with its duration in seconds."""

ShouldStop: TypeAlias = Callable[[], bool]
"""Polled before each phase, and every few milliseconds of a large proof."""


@contextmanager
def run_phase(phase: Phase, on_phase: OnPhase | None, should_stop: ShouldStop | None) -> Iterator[None]:
    """Time one phase, and turn a wish to stop into :class:`~prover.errors.Cancelled`."""
    if should_stop is not None and should_stop():
        raise Cancelled(f"cancelled before {phase}")
    started = time.perf_counter()
    try:
        yield
    except Interrupted:
        raise Cancelled(f"cancelled during {phase}") from None
    if on_phase is not None:
        on_phase(phase, time.perf_counter() - started)
