"""Which compilers and cards the CUDA kernels are built for in the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kernels.cuda.nvrtc import Nvrtc, installed

_FURTHER = Path(__file__).parents[2] / "build"

TARGETS = (75, 80, 86, 89, 90, 100, 120)
"""Compute capabilities: Turing, Ampere (A100, others), Ada, Hopper, Blackwell (B200, others)."""

_COMMON = 90
"""Hopper, whose figures the documentation gives."""


def compilers(*, everything: bool) -> list[Nvrtc]:
    """Every NVRTC here, oldest first; with ``everything`` also the one that ``make test-gpu-full`` installs."""
    further = sorted(_FURTHER.glob("nvrtc-*/nvidia/cuda_nvrtc/lib/libnvrtc.so.12")) if everything else ()
    found = {one.version: one for one in [*(Nvrtc(str(path)) for path in further), *installed()]}
    return [found[version] for version in sorted(found)]


def builds(*, everything: bool) -> Iterator[tuple[Nvrtc, str]]:
    """Compilers with cards.

    With ``everything`` each compiler with every card that it knows. Else the oldest compiler with the oldest card, the
    newest with the newest, and both with Hopper.
    """
    chosen = compilers(everything=everything)
    for compiler in chosen:
        known = [capability for capability in TARGETS if capability in compiler.architectures()]
        ends = {
            _COMMON,
            *([known[0]] if compiler is chosen[0] else []),
            *([known[-1]] if compiler is chosen[-1] else []),
        }
        yield from ((compiler, f"sm_{capability}") for capability in known if everything or capability in ends)
