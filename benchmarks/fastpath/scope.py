"""How much a run of the laboratory measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.fastpath import conflicts, fairness, faults, overload, sketches
from benchmarks.fastpath.figures import Figure
from benchmarks.fastpath.workloads import CONFLICTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Sizes of a run.

    Attributes
    ----------
    loads
        Offered loads, in multiples of the capacity.
    load_s, after_s, faulty_s
        Simulated seconds at each load, after a burst or loss, and with faults.
    swaps
        Requests of a workload that shares state.
    accesses, values
        Lengths of the streams of keys and of latencies.
    actor_rounds
        Rounds of timing on the real actor; 0 leaves it out.
    """

    name: str
    seeds: tuple[int, ...]
    loads: tuple[float, ...]
    load_s: float
    after_s: float
    faulty_s: float
    swaps: int
    accesses: int
    values: int
    improvements: bool
    actor_rounds: int


SCOPES = {
    scope.name: scope
    for scope in (
        Scope(
            name="smallest",
            seeds=(1, 2, 3),
            loads=(0.7, 2.5, 4.0),
            load_s=90.0,
            after_s=150.0,
            faulty_s=300.0,
            swaps=800,
            accesses=100_000,
            values=5_000,
            improvements=False,
            actor_rounds=0,
        ),
        Scope(
            name="normal",
            seeds=tuple(range(1, 11)),
            loads=(0.1, 0.3, 0.5, 0.7, 0.9, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0),
            load_s=120.0,
            after_s=300.0,
            faulty_s=600.0,
            swaps=1600,
            accesses=200_000,
            values=20_000,
            improvements=True,
            actor_rounds=5,
        ),
    )
}


def experiments(scope: Scope, seed: int) -> dict[str, Callable[[], Iterator[Figure]]]:
    """Every experiment of a scope on one seed, by name."""
    by_name: dict[str, Callable[[], Iterator[Figure]]] = {
        "load": lambda: overload.against_load(seed, scope.loads, scope.load_s),
        "burst": lambda: overload.bursts(seed, after_s=scope.after_s, improvements=scope.improvements),
        "loss": lambda: overload.losses(seed, after_s=scope.after_s),
        "refusals": lambda: overload.refusals(seed),
        "noisy neighbour": lambda: fairness.noisy_neighbour(seed),
        "faults": lambda: faults.one_run_in_five(seed, scope.faulty_s),
        "heavy tail": lambda: faults.heavy_tail(seed, scope.faulty_s),
        "hot keys": lambda: sketches.hot_keys(seed, scope.accesses),
        "key residency": lambda: sketches.key_residency(seed, scope.accesses),
        "key loads": lambda: sketches.key_loads(seed),
        "quantiles": lambda: sketches.quantile_errors(seed, scope.values),
        "retries": lambda: sketches.retry_spread(seed),
    }
    for name in CONFLICTS:
        by_name[name] = lambda name=name: conflicts.workload(seed, name, scope.swaps)  # type: ignore[misc]
    return by_name
