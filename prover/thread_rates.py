"""How much a pool of threads gets done with fewer of them, measured.

The number of CPUs says little: two hardware threads share a core, a control group may allow less time than the CPUs it
shows, and memory has one bandwidth. So a small multi-scalar multiplication is repeated by 1, 2, 4, ... and all threads
at once. The best of some short rounds counts, since whatever else runs on a machine only takes away.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from kernels.curves import get_curve
from kernels.encoding import limbs_from_ints, points_from_ints

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernels.backend import Backend
    from prover.pool import ProverPool

_POINTS: Final = 64
"""As many as :func:`prover.warm_up.warm_up` multiplies: nothing is compiled for it."""
ROUNDS: Final = 3
ROUND_S: Final = 0.02
"""Some tens of the multiplication on any machine."""


def measure_thread_rates(
    pool: ProverPool, backend: Backend, curve: str, clock: Callable[[], float] = time.perf_counter
) -> dict[int, float]:
    """Return multiplications a second by number of threads; a tenth of a second for each number.

    Parameters
    ----------
    backend
        One that computes on the CPU.
    """
    task = _multiplication(backend, curve)
    best: dict[int, float] = {}
    for _ in range(ROUNDS):
        for threads in _counts(pool.threads):
            best[threads] = max(best.get(threads, 0.0), _rate(pool, task, threads, clock))
    return best


def _counts(threads: int) -> list[int]:
    return sorted({threads, *(1 << power for power in range(threads.bit_length()))})


def _multiplication(backend: Backend, curve: str) -> Callable[[], object]:
    on = get_curve(curve)
    scalars = limbs_from_ints([(on.fr.modulus - 1) // number for number in range(1, _POINTS + 1)], 4)
    generator = points_from_ints(on, "g1", [on.g1_generator])[0]
    bases = backend.load_bases(on, "g1", backend.multiply_base(on, "g1", generator, scalars))
    return lambda: backend.msm(bases, scalars)


def _rate(pool: ProverPool, task: Callable[[], object], threads: int, clock: Callable[[], float]) -> float:
    began = clock()
    end = began + ROUND_S

    def repeat() -> int:
        done = 0
        while not done or clock() < end:
            task()
            done += 1
        return done

    futures = [pool.submit_together(0, repeat) for _ in range(threads)]
    done = sum(future.result() for future in futures)
    return done / (clock() - began)
