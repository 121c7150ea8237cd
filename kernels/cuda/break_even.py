"""From which size a device is faster than the CPU, from a few measurements."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kernels.backend import Array, Backend
from kernels.curves import BLS12_381
from kernels.encoding import limbs_from_ints, points_from_ints

NEVER = 1 << 62
_SIZES = (1 << 8, 1 << 12)
_REPEATS = 3


@dataclass(frozen=True)
class Timing:
    """Seconds that an operation of a size took."""

    size: int
    seconds: float


def break_even(cpu: Sequence[Timing], device: Sequence[Timing]) -> int:
    """The least size from which the device is faster, either time being a constant plus a part in proportion to size.

    Parameters
    ----------
    cpu, device
        The same operation at two sizes each, in rising order.

    Returns
    -------
    :data:`NEVER` where the device does not gain on the CPU with size and is not faster to begin with.
    """
    cpu_fixed, cpu_each = _line(cpu)
    device_fixed, device_each = _line(device)
    if device_each >= cpu_each:
        return 1 if all(d.seconds < c.seconds for c, d in zip(cpu, device, strict=True)) else NEVER
    return max(1, round((device_fixed - cpu_fixed) / (cpu_each - device_each)))


def _line(timings: Sequence[Timing]) -> tuple[float, float]:
    first, last = timings[0], timings[-1]
    each = max(last.seconds - first.seconds, 0.0) / (last.size - first.size)
    return max(first.seconds - each * first.size, 0.0), each


def measure_break_even(device: Backend, cpu: Backend, clock: Callable[[], float] = time.perf_counter) -> int:
    """Points from which a multiplication in G1 of BLS12-381 is faster on the device than on one thread of the CPU."""
    generator = points_from_ints(BLS12_381, "g1", [BLS12_381.g1_generator])[0]
    r = BLS12_381.fr.modulus
    scalars = limbs_from_ints([pow(3, 7 * k + 1, r) for k in range(_SIZES[-1])], 4)
    points = np.tile(cpu.multiply_base(BLS12_381, "g1", generator, scalars[:64]), (_SIZES[-1] // 64, 1, 1))
    return break_even(*([_time(b, points, scalars, n, clock) for n in _SIZES] for b in (cpu, device)))


def _time(backend: Backend, points: Array, scalars: Array, n: int, clock: Callable[[], float]) -> Timing:
    bases = backend.load_bases(BLS12_381, "g1", points[:n])
    backend.msm(bases, scalars[:n])  # loads bases and programs
    seconds = []
    for _ in range(_REPEATS):
        started = clock()
        backend.msm(bases, scalars[:n])
        seconds.append(clock() - started)
    return Timing(n, min(seconds))
