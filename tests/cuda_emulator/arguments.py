"""What a launch asks for, held against the kernel and the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.cuda.device import DeviceLimits, Dim3
from tests.cuda_emulator.translator import Kernel


def shape_problems(kernel: Kernel, limits: DeviceLimits, grid: Dim3, block: Dim3, shared_bytes: int) -> list[str]:
    """What is wrong with the grid, the block and the shared memory of a launch."""
    threads = block[0] * block[1] * block[2]
    shared = shared_bytes + kernel.static_shared_bytes
    bound = limits.threads_per_block if kernel.block_limit is None else kernel.block_limit
    problems = {
        f"grid {grid} has no block": min(grid) < 1,
        f"block {block} has no thread": min(block) < 1,
        f"grid {grid} is above {limits.grid}": _above(grid, limits.grid),
        f"block {block} is above {limits.block}": _above(block, limits.block),
        f"{threads} threads a block are above {limits.threads_per_block}": threads > limits.threads_per_block,
        f"{threads} threads a block are above the kernel's launch bounds, {bound}": threads > bound,
        f"block {block} is not the required {kernel.block_exact}": kernel.block_exact not in {None, block},
        f"{shared_bytes} bytes of dynamic shared memory": shared_bytes < 0,
        f"{shared} bytes of shared memory are above {limits.shared_bytes_per_block}": (
            shared > limits.shared_bytes_per_block
        ),
    }
    return [problem for problem, holds in problems.items() if holds]


def _above(asked: Dim3, most: Dim3) -> bool:
    return any(a > m for a, m in zip(asked, most, strict=True))


def argument_problems(kernel: Kernel, arguments: Sequence[int | np.generic | object]) -> list[str]:
    """What is wrong with the arguments; addresses of memory are Python integers here."""
    if len(arguments) != len(kernel.parameters):
        return [f"{len(arguments)} arguments for {len(kernel.parameters)} parameters"]
    problems = []
    for number, (argument, parameter) in enumerate(zip(arguments, kernel.parameters, strict=True)):
        if isinstance(argument, int):
            size_bytes = 8
        elif isinstance(argument, np.generic):
            size_bytes = argument.nbytes
            if parameter.is_pointer:
                problems.append(f"argument {number} is a value, the parameter a pointer")
        else:
            problems.append(f"argument {number} is a {type(argument).__name__}, which has no size")
            continue
        if size_bytes != parameter.size_bytes:
            problems.append(f"argument {number} has {size_bytes} bytes, the parameter {parameter.size_bytes}")
    return problems


def parameter_block(kernel: Kernel, arguments: Sequence[int | np.generic]) -> bytes:
    """The arguments as the kernel finds them."""
    block = bytearray(kernel.parameter_bytes)
    for argument, offset in zip(arguments, kernel.parameter_offsets, strict=True):
        content = argument.to_bytes(8, "little") if isinstance(argument, int) else argument.tobytes()
        block[offset : offset + len(content)] = content
    return bytes(block)
