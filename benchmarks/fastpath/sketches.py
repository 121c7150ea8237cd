"""Figures of what the control plane remembers: hot keys, quantiles, and when its clients come back."""

from __future__ import annotations

import math
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from random import Random

from benchmarks.fastpath import figures, origin, workloads
from benchmarks.fastpath.contenders import CONTENDERS, run
from benchmarks.fastpath.figures import FASTPATH, ORIGIN, Figure
from fastpath.hot_keys import HotKeys
from fastpath.quantiles import QuantileSketch
from fastpath.residency import KeyResidency
from fastpath.retry import RetryPolicy

_QS = (0.5, 0.9, 0.95, 0.99, 0.999)
_CLIENTS = 1000
_TOP = 10
LRU = "least recently used"


def zipf_stream(seed: int, keys: int, accesses: int, exponent: float = 1.1) -> list[str]:
    """Accesses of keys by Zipf."""
    cumulative = list(accumulate(rank**-exponent for rank in range(1, keys + 1)))
    rng = Random(f"stream {seed}")
    return [f"key-{rank}" for rank in rng.choices(range(keys), cum_weights=cumulative, k=accesses)]


def hot_keys(seed: int, accesses: int, keys: int = 100_000) -> Iterator[Figure]:
    """The ten hottest of 100,000 keys by 64 counters, against the exact map that the origin keeps."""
    stream = zipf_stream(seed, keys, accesses)
    sketch = HotKeys(counters=64, rng=Random(seed))
    for key in stream:
        sketch.track(key)
    exact = Counter(stream)
    hottest = {key for key, _ in exact.most_common(_TOP)}
    found = {hot.key for hot in sketch.get(_TOP)}
    yield Figure(figures.RECALL, FASTPATH, seed, len(found & hottest) / _TOP, "share")
    yield Figure("entries to find hot keys", FASTPATH, seed, 64)
    yield Figure("entries to find hot keys", ORIGIN, seed, len(exact))
    yield Figure("memory to find hot keys", FASTPATH, seed, _bytes(dict.fromkeys(exact, 0), 64), "bytes")
    yield Figure("memory to find hot keys", ORIGIN, seed, _bytes(exact, len(exact)), "bytes")


def _bytes(counts: dict[str, int], entries: int) -> int:
    """Memory of a map of that many of the keys."""
    kept = dict(list(counts.items())[:entries])
    return sys.getsizeof(kept) + sum(sys.getsizeof(key) + sys.getsizeof(count) for key, count in kept.items())


def lru_hit_ratio(stream: Sequence[str], capacity: int) -> float:
    """Share of accesses that find their key among the ``capacity`` used last."""
    kept: OrderedDict[str, None] = OrderedDict()
    hits = 0
    for key in stream:
        if key in kept:
            hits += 1
        elif len(kept) >= capacity:
            kept.popitem(last=False)
        kept[key] = None
        kept.move_to_end(key)
    return hits / len(stream)


def key_residency(seed: int, accesses: int, slots: int = 16, keys: int = 1000) -> Iterator[Figure]:
    """Share of uses that find their key among 16 of 1,000 by Zipf 1.1: the service's residency, and the last used."""
    stream = zipf_stream(seed, keys, accesses)
    sketch = HotKeys(counters=64, rng=Random(seed))
    residency = KeyResidency(slots, sketch.count)
    for key in stream:
        sketch.track(key)
        residency.use(key)
    share = residency.hits / (residency.hits + residency.misses)
    yield Figure("keys at hand, 16 of 1000 by Zipf 1.1", FASTPATH, seed, share, "share")
    yield Figure("keys at hand, 16 of 1000 by Zipf 1.1", LRU, seed, lru_hit_ratio(stream, slots), "share")


def key_loads(seed: int) -> Iterator[Figure]:
    """Many keys by Zipf on provers that keep 16 each: how many calls find their key, and what that is worth."""
    trace = workloads.zipf_keys(seed)
    begin, end = trace.marks["begin"], trace.marks["end"]
    for name, contender in CONTENDERS.items():
        history = run(trace, contender)
        yield Figure("Zipf keys: calls that find their key", name, seed, 1 - history.key_loads / history.calls, "share")
        yield Figure("Zipf keys: goodput", name, seed, history.goodput(begin, end), "share")


_DISTRIBUTIONS: dict[str, Callable[[Random], float]] = {
    "lognormal": lambda rng: rng.lognormvariate(3, 1.5),
    "exponential": lambda rng: rng.expovariate(0.01),
    "Pareto": lambda rng: 2 * rng.paretovariate(1.2),
    "two sizes": lambda rng: 0.3 * rng.uniform(0.9, 1.1) if rng.random() < 0.9 else 5000 * rng.uniform(0.9, 1.1),
}
"""Latencies in milliseconds; those of two sizes lie outside the range that the origin's buckets resolve."""


def quantile_errors(seed: int, values: int) -> Iterator[Figure]:
    """The largest relative error over quantiles and distributions."""
    rng = Random(f"latencies {seed}")
    errors: dict[str, list[float]] = {FASTPATH: [], ORIGIN: []}
    infinite = 0
    for draw in _DISTRIBUTIONS.values():
        latencies = sorted(draw(rng) for _ in range(values))
        sketch = QuantileSketch()
        for latency in latencies:
            sketch.add(latency)
        for q, answered in zip(_QS, sketch.quantiles(*_QS), strict=True):
            true = latencies[math.floor(q * (values - 1))]
            errors[FASTPATH].append(abs(answered / true - 1))
            of_bucket = origin.histogram_quantile(latencies, q)
            infinite += of_bucket == math.inf
            if of_bucket < math.inf:
                errors[ORIGIN].append(of_bucket / true - 1)
    for name, found in errors.items():
        yield Figure(figures.QUANTILE_ERROR, name, seed, max(found), "share")
    yield Figure("quantiles answered as infinite", ORIGIN, seed, infinite)
    yield Figure("quantiles answered as infinite", FASTPATH, seed, 0)


def retry_spread(seed: int) -> Iterator[Figure]:
    """A thousand clients fail at one moment: how many of them come back within the busiest hundredth of the window."""
    policy = RetryPolicy()
    rng = Random(f"retries {seed}")
    waits_s = [policy.wait_s(1, service_s=1.0, now=0.0, deadline=math.inf, rng=rng) for _ in range(_CLIENTS)]
    of_fastpath = [wait_s for wait_s in waits_s if wait_s is not None]
    for name, waits in (
        (FASTPATH, of_fastpath),
        (ORIGIN, [origin.retry_delay_s(1, _CLIENTS) for _ in range(_CLIENTS)]),
    ):
        window_s = 1.0 if name == FASTPATH else 0.001
        busiest = max(Counter(math.floor(100 * wait_s / window_s) for wait_s in waits).values())
        yield Figure("retries of 1000 clients in the busiest hundredth", name, seed, busiest / _CLIENTS, "share")
