"""Which compilers and cards the CUDA kernels are built for in the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kernels.cuda.nvrtc import Nvrtc, installed

_FURTHER = Path(__file__).parents[2] / "build"

TARGETS = (75, 80, 86, 89, 90, 100, 120)
"""Compute capabilities: Turing, Ampere (A100, others), Ada, Hopper, Blackwell (B200, others)."""


def builds(*, everything: bool) -> Iterator[tuple[Nvrtc, str]]:
    """Every NVRTC here, those of ``make test-gpu-full`` included, with every card it knows; or each with one card."""
    further = sorted(_FURTHER.glob("nvrtc-*/nvidia/cuda_nvrtc/lib/libnvrtc.so.12")) if everything else ()
    for compiler in [*installed(), *(Nvrtc(str(path)) for path in further)]:
        known = set(compiler.architectures())
        for capability in TARGETS if everything else (90,):
            if capability in known:
                yield compiler, f"sm_{capability}"
