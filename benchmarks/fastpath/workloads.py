"""The workloads: traces from a seed.

Unless one says otherwise: eight provers, two sizes of proof (nine in ten take 0.5 s, the tenth 5 s, so 0.95 s on
average), a deadline of 15 s, Poisson arrivals, and load in multiples of what the provers can do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from typing import Final

from benchmarks.fastpath.requests import GIB, FaultRates, Outage, Request, Trace

PROVERS: Final = 8
PATIENCE_S: Final = 15.0
CALM_LOAD: Final = 0.7
_SPREAD: Final = 0.1
"""Standard deviation of the logarithm of a proof's time about that of its key."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of proof: its share of requests, its key, and what it takes."""

    share: float
    key_id: str
    service_s: float
    peak_bytes: int
    domain_size: int
    size: str


TWO_SIZES: Final = (
    Kind(0.9, "half-second", 0.5, GIB, 1 << 15, "small"),
    Kind(0.1, "five-second", 5.0, 8 * GIB, 1 << 18, "large"),
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a trace: from when to when, at which load (in multiples of the provers' capacity)."""

    start_s: float
    end_s: float
    load: float


def mean_service_s(kinds: Sequence[Kind]) -> float:
    """Average time of a proof."""
    return sum(kind.share * kind.service_s for kind in kinds)


def arrivals(
    rng: Random, stretches: Sequence[Stretch], kinds: Sequence[Kind], tenants: Sequence[tuple[str, float]]
) -> list[Request]:
    """Poisson arrivals; tenants by name and share."""
    shares = list(accumulate(kind.share for kind in kinds))
    tenant_shares = list(accumulate(share for _, share in tenants))
    names = [name for name, _ in tenants]
    made: list[Request] = []
    for stretch in stretches:
        rate = stretch.load * PROVERS / mean_service_s(kinds)
        now = stretch.start_s
        while rate > 0 and (now := now + rng.expovariate(rate)) < stretch.end_s:
            kind = rng.choices(kinds, cum_weights=shares)[0]
            made.append(
                Request(
                    number=len(made),
                    arrival_s=now,
                    tenant=rng.choices(names, cum_weights=tenant_shares)[0],
                    key_id=kind.key_id,
                    service_s=kind.service_s * math.exp(rng.gauss(-(_SPREAD**2) / 2, _SPREAD)),
                    patience_s=PATIENCE_S,
                    peak_bytes=kind.peak_bytes,
                    domain_size=kind.domain_size,
                    size=kind.size,
                )
            )
    return made


_TENANTS: Final = tuple((f"tenant-{number}", 0.25) for number in range(4))


def steady(seed: int, load: float, seconds: float = 120.0) -> Trace:
    """One load throughout, four tenants."""
    requests = arrivals(Random(seed), [Stretch(0, seconds, load)], TWO_SIZES, _TENANTS)
    return Trace(name=f"steady {load:g}", seed=seed, requests=requests, marks={"begin": seconds / 4, "end": seconds})


def burst(seed: int, load: float = 2.5, seconds: float = 120.0, after_s: float = 240.0) -> Trace:
    """A calm minute, a burst, calm again."""
    end = 60 + seconds
    stretches = [Stretch(0, 60, CALM_LOAD), Stretch(60, end, load), Stretch(end, end + after_s, CALM_LOAD)]
    requests = arrivals(Random(seed), stretches, TWO_SIZES, _TENANTS)
    return Trace(name="burst", seed=seed, requests=requests, marks={"begin": 60.0, "end": end, "last": end + after_s})


def worker_loss(seed: int, lost: int = 6, away_s: float = 120.0, after_s: float = 240.0) -> Trace:
    """Calm load all the time; after a minute six of eight provers are gone, and two minutes later they are back."""
    back = 60 + away_s
    requests = arrivals(Random(seed), [Stretch(0, back + after_s, CALM_LOAD)], TWO_SIZES, _TENANTS)
    return Trace(
        name="worker loss",
        seed=seed,
        requests=requests,
        outages=tuple(Outage(prover, 60.0, back) for prover in range(lost)),
        marks={"begin": 60.0, "end": back, "last": back + after_s},
    )


def noisy_neighbour(seed: int, times: float = 10.0, quiet_load: float = 0.2, seconds: float = 180.0) -> Trace:
    """A tenant that asks for a fifth of the provers, beside one that asks for ten times as much."""
    tenants = (("quiet", 1 / (1 + times)), ("noisy", times / (1 + times)))
    requests = arrivals(Random(seed), [Stretch(0, seconds, quiet_load * (1 + times))], TWO_SIZES, tenants)
    return Trace(name="noisy neighbour", seed=seed, requests=requests, marks={"begin": 30.0, "end": seconds})


def faulty(seed: int, faults: FaultRates, load: float = 0.6, seconds: float = 600.0) -> Trace:
    """Calm load while runs fail."""
    requests = arrivals(Random(seed), [Stretch(0, seconds, load)], TWO_SIZES, _TENANTS)
    return Trace(name="faults", seed=seed, requests=requests, faults=faults, marks={"begin": 0.0, "end": seconds})


def heavy_tail(seed: int, load: float = 0.78, seconds: float = 300.0) -> Trace:
    """Domains of 2^12 to 2^20: each twice as long and large, and half as often or rarer, as the one before.

    Four provers of two lanes, whose 24 GiB hold two of any size but the largest (16 GiB).
    """
    weights = [2.0 ** (-0.9 * step) for step in range(9)]
    kinds = tuple(
        Kind(
            weight / sum(weights),
            f"domain-{12 + step}",
            0.05 * 2**step,
            GIB * 2**step // 16,
            1 << 12 + step,
            _size_of(step),
        )
        for step, weight in enumerate(weights)
    )
    requests = arrivals(Random(seed), [Stretch(0, seconds, load)], kinds, _TENANTS)
    patient = [replace(request, patience_s=60.0) for request in requests]
    return Trace(
        name="heavy tail",
        seed=seed,
        requests=patient,
        provers=PROVERS // 2,
        lanes=2,
        marks={"begin": seconds / 10, "end": seconds},
    )


def _size_of(step: int) -> str:
    return "large" if step >= 6 else "small"


def zipf_keys(seed: int, keys: int = 200, load: float = 0.8, seconds: float = 180.0) -> Trace:
    """Requests for many keys by Zipf 1.1; a prover that lacks the key loads it for as long as a proof takes."""
    weights = [rank**-1.1 for rank in range(1, keys + 1)]
    kinds = tuple(
        Kind(weight / sum(weights), f"key-{rank}", 0.5, GIB // 2, 1 << 15, "small")
        for rank, weight in enumerate(weights, 1)
    )
    requests = arrivals(Random(seed), [Stretch(0, seconds, load)], kinds, _TENANTS)
    return Trace(
        name="Zipf keys",
        seed=seed,
        requests=requests,
        key_load_s=0.5,
        keys_kept=16,
        marks={"begin": seconds / 6, "end": seconds},
    )


Conflicts = Callable[[Random], tuple[frozenset[str], frozenset[str]]]
"""Draws the reads and the writes of one request."""


def _zipf(keys: int, exponent: float) -> Callable[[Random], int]:
    cumulative = list(accumulate(rank**-exponent for rank in range(1, keys + 1)))
    ranks = range(keys)
    return lambda rng: rng.choices(ranks, cum_weights=cumulative)[0]


def defi_swaps(rng: Random) -> tuple[frozenset[str], frozenset[str]]:
    """A trader swaps in one of 50 pools by Zipf 0.6, so that the hottest takes a tenth of all trade.

    No pool alone is then the limit of eight provers. In the two variants below one is: whatever the order, its swaps
    follow each other.
    """
    touched = frozenset({f"pool-{_POOLS(rng)}", f"trader-{rng.randrange(500)}"})
    return touched, touched


def defi_long_tail(rng: Random) -> tuple[frozenset[str], frozenset[str]]:
    """The same in 1,000 pools by Zipf 1.0: the hottest takes more than an eighth of all trade."""
    touched = frozenset({f"pool-{_MANY_POOLS(rng)}", f"trader-{rng.randrange(500)}"})
    return touched, touched


def defi_few_pools(rng: Random) -> tuple[frozenset[str], frozenset[str]]:
    """The same in 20 pools by Zipf 1.0: more than a quarter of all trade is in one pool."""
    touched = frozenset({f"pool-{_FEW_POOLS(rng)}", f"trader-{rng.randrange(500)}"})
    return touched, touched


def gamefi_mints(rng: Random) -> tuple[frozenset[str], frozenset[str]]:
    """A player mints an item of their own: hardly ever a conflict."""
    return frozenset({"collection"}), frozenset({f"player-{rng.randrange(5000)}"})


def mixed_80_20(rng: Random) -> tuple[frozenset[str], frozenset[str]]:
    """Four in five read two of 100 accounts, the fifth writes one."""
    if rng.random() < 0.8:
        return frozenset({f"account-{rng.randrange(100)}", f"account-{rng.randrange(100)}"}), frozenset()
    written = frozenset({f"account-{rng.randrange(100)}"})
    return written, written


def zipf_writes(rng: Random) -> tuple[frozenset[str], frozenset[str]]:
    """Each writes one of 1,000 keys by Zipf 1.1."""
    written = frozenset({f"entry-{_ENTRIES(rng)}"})
    return written, written


_POOLS: Final = _zipf(50, 0.6)
_MANY_POOLS: Final = _zipf(1000, 1.0)
_FEW_POOLS: Final = _zipf(20, 1.0)
_ENTRIES: Final = _zipf(1000, 1.1)
CONFLICTS: Final[dict[str, Conflicts]] = {
    "DeFi swaps": defi_swaps,
    "DeFi swaps, 1,000 pools": defi_long_tail,
    "DeFi swaps, 20 pools": defi_few_pools,
    "GameFi mints": gamefi_mints,
    "mixed 80/20": mixed_80_20,
    "Zipf writes": zipf_writes,
}


def with_conflicts(seed: int, name: str, count: int = 800) -> Trace:
    """All at once: ``count`` requests of 0.2 s that share state, to be done as fast as their conflicts allow."""
    rng = Random(seed)
    requests = list(_conflicting(rng, CONFLICTS[name], count))
    return Trace(name=name, seed=seed, requests=requests, marks={"begin": 0.0})


def _conflicting(rng: Random, draw: Conflicts, count: int) -> Iterator[Request]:
    for number in range(count):
        reads, writes = draw(rng)
        yield Request(
            number=number,
            arrival_s=number * 1e-4,
            tenant="tenant-0",
            key_id="swap",
            service_s=0.2 * math.exp(rng.gauss(-(_SPREAD**2) / 2, _SPREAD)),
            patience_s=math.inf,
            reads=reads,
            writes=writes,
        )
