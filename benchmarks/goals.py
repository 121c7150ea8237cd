"""The project's goals for one machine with AVX-512 IFMA, and how far a run is from each.

A ratio is the peer's median over ours, in the same run. Absolute goals are orientation for two cores of an AMD Zen 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import arkworks, groth16py_peer, snarkjs_peer
from benchmarks.kernel_cases import PORTABLE, WITH_TABLES
from benchmarks.paired import OURS, Result
from benchmarks.proof_cases import TWO_THREADS
from benchmarks.proof_memory import Memory
from kernels import BLS12_381, BN254


@dataclass(frozen=True)
class Goal:
    """A figure of a run and its bound; ``measured`` is None where the run did not measure it.

    Attributes
    ----------
    at_least
        Whether larger is better.
    """

    what: str
    bound: float
    unit: str
    at_least: bool
    measured: float | None

    @property
    def reached(self) -> bool | None:
        """Whether the bound holds; None where nothing was measured."""
        if self.measured is None:
            return None
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    @property
    def missed_by(self) -> float:
        """Factor by which the figure would have to improve; at most 1 where the goal is reached."""
        if not self.measured:
            return float("nan")
        return self.bound / self.measured if self.at_least else self.measured / self.bound


_RATIOS = (
    # family, binary logarithm of the size, ours, the peer, least ratio
    *(("MSM bls12_381 g1", k, OURS, arkworks.NAME, least) for k, least in ((10, 5), (14, 7), (16, 8), (18, 8))),
    *(("MSM bls12_381 g1", k, WITH_TABLES, arkworks.NAME, least) for k, least in ((10, 8), (12, 10), (16, 11))),
    *(("MSM bls12_381 g2", k, OURS, arkworks.NAME, least) for k, least in ((12, 8), (16, 10))),
    ("product of pairings bls12_381", 6, OURS, arkworks.NAME, 4),
    ("verification bls12_381", 0, OURS, f"{arkworks.NAME}, product of 4", 2),
    *(("proof bn254", k, OURS, groth16py_peer.NAME, least) for k, least in ((12, 6), (14, 7), (16, 8))),
    ("proof bn254", 16, TWO_THREADS, OURS, 1.7),
    *(
        (f"proof from files {curve.name}", k, OURS, snarkjs_peer.NAME, least)
        for curve in (BN254, BLS12_381)
        for k, least in ((14, 2.5), (16, 5))
    ),
)
_MILLISECONDS = (
    ("MSM bls12_381 g1", 16, OURS, 130),
    ("MSM bls12_381 g1", 16, WITH_TABLES, 95),
    ("proof bn254", 16, OURS, 420),
    ("proof bls12_381", 16, OURS, 700),
    ("NTT bls12_381", 16, OURS, 4),
    ("NTT bn254", 16, OURS, 4),
)
_BATCHES = (("batch of ringct", 40), ("batch of multiply", 4000))
_MEMORY_MIB = ((True, 1024), (False, 300))


def goals(results: Sequence[Result], memory: Sequence[Memory]) -> list[Goal]:
    """Every goal, with what the run says of it."""
    return [*_ratio_goals(results), *_time_goals(results), *_batch_goals(results), *_memory_goals(memory)]


def _ratio_goals(results: Sequence[Result]) -> Iterator[Goal]:
    by_size = {(result.family, result.size): result for result in results}
    for family, log2_n, ours, peer, least in _RATIOS:
        yield Goal(
            f"{family}, {_size(log2_n)}{ours}: {peer}'s time / ours"
            if peer != OURS
            else f"{family}, {_size(log2_n)}two threads against one",
            least,
            "x",
            True,
            _ratio(by_size.get((family, 1 << log2_n)), ours, peer),
        )
    portable = [r.ratio(PORTABLE, arkworks.NAME) for r in results if {PORTABLE, arkworks.NAME} <= r.timings.keys()]
    yield Goal(
        f"MSM, {PORTABLE}: least {arkworks.NAME}'s time / ours",
        round(1 / 1.5, 3),
        "x",
        True,
        min(portable, default=None),
    )


def _size(log2_n: int) -> str:
    return f"2^{log2_n}, " if log2_n else ""


def _ratio(result: Result | None, ours: str, peer: str) -> float | None:
    return result.ratio(ours, peer) if result and {ours, peer} <= result.timings.keys() else None


def _time_goals(results: Sequence[Result]) -> Iterator[Goal]:
    for family, log2_n, ours, most_ms in _MILLISECONDS:
        medians = [r.timings[ours].median_s for r in results if (r.family, r.size) == (family, 1 << log2_n)]
        yield Goal(f"{family}, 2^{log2_n}, {ours}", most_ms, "ms", False, 1e3 * medians[0] if medians else None)


def _batch_goals(results: Sequence[Result]) -> Iterator[Goal]:
    for family, rate in _BATCHES:
        found = [r for r in results if r.family == family]
        rates = [1 / r.timings[TWO_THREADS].median_s for r in found]
        ratios = [r.ratio(TWO_THREADS, OURS) for r in found]
        yield Goal(f"{family}, two threads", rate, "proofs/s", True, rates[0] if rates else None)
        yield Goal(f"{family}, two threads against one", 1.85, "x", True, ratios[0] if ratios else None)


def _memory_goals(memory: Sequence[Memory]) -> Iterator[Goal]:
    for tables, most_mib in _MEMORY_MIB:
        peaks = [m.peak_bytes / 2**20 for m in memory if (m.constraints, m.tables) == (1 << 16, tables)]
        what = f"peak memory of a BN254 proof, 2^16, {'with' if tables else 'without'} tables"
        yield Goal(what, most_mib, "MiB", False, peaks[0] if peaks else None)
