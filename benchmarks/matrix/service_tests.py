"""The tests of the matrix, each on the running service: the six of the system this one replaces, and four workloads."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.fastpath.workloads import CONFLICTS
from benchmarks.matrix.series import Kind, Value
from cluster import Client, Key
from cluster.batch import Batch
from fastpath.conflicts import Access
from fastpath.errors import DeadlineExceeded, Overloaded
from kernels.encoding import Limbs
from prover import ParallelProver, ProverConfig, ProverPool, groth16

QUANTILES: Final = (("p50", 0.50), ("p90", 0.90), ("p95", 0.95), ("p99", 0.99))
_HOT: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much each test does in a round.

    Attributes
    ----------
    singles
        Proofs submitted one at a time.
    batch
        Proofs of a batch of ``multiply``.
    ringct
        Proofs of the end-to-end batch.
    callers, calls
        Threads that overload the service, and what each submits.
    transactions
        Proofs of a workload that shares state.
    kills
        Rounds in which the worker is killed; the first ones.
    """

    name: str
    rounds: int
    singles: int
    batch: int
    ringct: int
    callers: int
    calls: int
    transactions: int
    kills: int


class ServiceTests:
    """The tests, with what they share: a client, its keys, and witnesses."""

    def __init__(self, client: Client, sizes: Sizes, folder: Path, threads: int) -> None:
        self._client = client
        self._sizes = sizes
        self._folder = folder
        self._threads = threads
        self._multiply = client.circuit("multiply")
        self._ringct = client.circuit("ringct", depth=1, inputs=1, outputs=1)
        most = max(sizes.batch, sizes.transactions)
        self._witnesses = _random_witnesses(self._multiply, most)
        self._coins = _random_witnesses(self._ringct, max(sizes.ringct, _JOBS_UNDER_KILL))
        self._rate = 1.0

    def by_name(self) -> dict[str, Callable[[int], list[Value]]]:
        """Return the tests in the order in which they run."""
        tests: dict[str, Callable[[int], list[Value]]] = {
            "latency quantiles": self.latency,
            "retry": self.retry,
            "congestion and hot keys": self.congestion,
            "pool reuse": self.pool_reuse,
            "key cache": self.key_cache,
            "end to end": self.end_to_end,
        }
        for name in CONFLICTS:
            tests[name] = lambda number, name=name: self.workload(number, name)  # type: ignore[misc]
        return tests

    def latency(self, number: int) -> list[Value]:
        """Proofs submitted one at a time: what the caller sees, and how far the service's own quantiles are from it."""
        del number
        latencies_ms, of_service_ms = [], []
        for index in range(self._sizes.singles):
            began = time.perf_counter()
            batch = self._client.prove_batch(self._multiply, self._witnesses[index % len(self._witnesses)][None])
            (job,) = batch.as_completed()
            _raise(job.error)
            latencies_ms.append(1e3 * (time.perf_counter() - began))
            of_service_ms.append(1e3 * job.latency_s)
        values = [
            Value(f"latency {name}", quantile(latencies_ms, q), "ms", Kind.P99 if name == "p99" else Kind.FIGURE)
            for name, q in QUANTILES
        ]
        rate = 1e3 * len(latencies_ms) / sum(latencies_ms)
        return [
            *values,
            Value("latency p99 within the service", quantile(of_service_ms, 0.99), "ms", Kind.P99),
            Value("proofs one at a time", rate, "1/s", Kind.THROUGHPUT),
        ]

    def retry(self, number: int) -> list[Value]:
        """A worker is killed in the middle of a batch: every proof arrives, once, and when."""
        if not 0 <= number < self._sizes.kills:
            return []
        witnesses = self._coins[:_JOBS_UNDER_KILL]
        before = self._client.stats()
        batch = self._client.prove_batch(self._ringct, witnesses)
        arriving = batch.as_completed()
        jobs = [next(arriving)]
        killed = time.perf_counter()
        os.kill(self._client.workers()[0]["pid"], signal.SIGKILL)
        jobs += arriving
        recovery_s = time.perf_counter() - killed
        after = self._client.stats()
        proved = [job for job in jobs if job.error is None]
        self._proved(self._multiply, self._witnesses[:1])  # the new process loads the other key outside of any time
        return [
            Value("retry: proofs that arrive", len(proved) / len(witnesses), "share", Kind.EXACT),
            Value("retry: proofs that verify", self._verified(self._ringct, batch, witnesses), "share", Kind.EXACT),
            Value("retry: runs a job", statistics.fmean(job.runs for job in jobs), "x"),
            Value("retry: jobs run again", after.counters.requeued - before.counters.requeued, "jobs"),
            Value("retry: end of the batch after the kill", recovery_s, "s"),
        ]

    def congestion(self, number: int) -> list[Value]:
        """Callers that ask for more than can be done by their deadlines: refusals, what was kept, and hot keys.

        What all callers have out at once takes one unit of time; deadlines are from a fifth of it to all of it.
        """
        self._rate = self._proving_rate()
        rng = Random(number)
        before = self._client.stats()
        began = time.perf_counter()
        with ThreadPoolExecutor(self._sizes.callers) as pool:
            seeds = [rng.random() for _ in range(self._sizes.callers)]
            heard = [answer for answers in pool.map(self._call, seeds) for answer in answers]
        took_s = time.perf_counter() - began
        refused_ms = [1e3 * seconds for outcome, seconds in heard if outcome == "refused"]
        in_time = sum(outcome == "in time" for outcome, _ in heard)
        taken = len(heard) - len(refused_ms)
        after = self._client.stats()
        earlier = {hot.key: hot.count for hot in before.hot_keys}
        hottest = max(after.hot_keys, key=lambda hot: hot.count - earlier.get(hot.key, 0.0), default=None)
        seen = after.counters.submitted - before.counters.submitted
        found = seen > 0 and hottest is not None and hottest.key == self._multiply.key_id
        values = [
            Value("congestion: batches in time", in_time / took_s, "1/s"),
            Value("congestion: taken batches in time", in_time / max(taken, 1), "share"),
            Value("congestion: batches refused", len(refused_ms) / len(heard), "share"),
            Value("hot keys: the hottest is found", float(found), "", Kind.EXACT),
        ]
        if refused_ms:
            values.append(Value("congestion: refusal p99", quantile(refused_ms, 0.99), "ms"))
        return values

    def _call(self, seed: float) -> list[tuple[str, float]]:
        """Submit without pause, as a client of its own; return what came of each batch, and its seconds."""
        client = Client(self._client._actors, self._client.service_info(), lambda: None)  # noqa: SLF001
        rng = Random(seed)
        heard = []
        count = max(1, self._sizes.batch // 4)
        unit_s = self._sizes.callers * count / self._rate
        for _ in range(self._sizes.calls):
            began = time.perf_counter()
            try:
                batch = client.prove_batch(
                    self._multiply, self._witnesses[:count], deadline_s=unit_s * rng.uniform(0.2, 1.0)
                )
            except (Overloaded, DeadlineExceeded):
                heard.append(("refused", time.perf_counter() - began))
                continue
            good = all(job.error is None for job in batch.as_completed())
            heard.append(("in time" if good else "late", time.perf_counter() - began))
        return heard

    def pool_reuse(self, number: int) -> list[Value]:
        """Batches one after the other on the service's pool, and what a pool made anew for each would take."""
        del number
        witnesses = self._witnesses[: self._sizes.batch]
        processes, proofs = {self._processes()}, [self._proofs()]
        rates = []
        for _ in range(3):
            rates.append(self._proving_rate())
            processes.add(self._processes())
            proofs.append(self._proofs())
        reused = len(processes) == 1 and all(later - earlier == len(witnesses) for earlier, later in pairwise(proofs))
        return [
            Value("pool reuse: proofs in batches", statistics.median(rates), "1/s", Kind.THROUGHPUT),
            Value("pool reuse: spread between batches", (max(rates) - min(rates)) / max(rates), "share"),
            Value("pool reuse: one pool made all proofs", float(reused), "", Kind.EXACT),
            Value("pool reuse: a new pool for every batch", self._new_pool_rate(witnesses), "1/s"),
        ]

    def _proving_rate(self) -> float:
        """Proofs a second of one batch."""
        began = time.perf_counter()
        self._proved(self._multiply, self._witnesses[: self._sizes.batch])
        return self._sizes.batch / (time.perf_counter() - began)

    def _processes(self) -> tuple[int, ...]:
        return tuple(worker["pid"] for worker in self._client.workers())

    def _proofs(self) -> int:
        return sum(worker["proofs"] for worker in self._client.workers())

    def _new_pool_rate(self, witnesses: Limbs) -> float:
        assert self._multiply.circuit is not None
        config = ProverConfig(key_directory=self._folder / "pool")
        began = time.perf_counter()
        with ProverPool(self._threads) as pool:
            prover = ParallelProver.with_shared_setup(self._multiply.circuit, config).with_custom_pool(pool)
            assert not prover.prove_batch(witnesses).errors
        return len(witnesses) / (time.perf_counter() - began)

    def key_cache(self, number: int) -> list[Value]:
        """The first use of a key (setup, storing, sharing) and its reuse."""
        began = time.perf_counter()
        # A circuit that no round has used before; the parameters of a round are the same in every run.
        inputs, outputs = 1 + (number + 1) % 4, 1 + (number + 1) // 4
        self._client.circuit("ringct", curve="bn254", depth=2, inputs=inputs, outputs=outputs)
        first_s = time.perf_counter() - began
        reuses_s = []
        for _ in range(10):
            began = time.perf_counter()
            self._client.circuit("ringct", curve="bn254", depth=2, inputs=inputs, outputs=outputs)
            reuses_s.append(time.perf_counter() - began)
        reuse_s = statistics.median(reuses_s)
        return [
            Value("key cache: first use", first_s, "s"),
            Value("key cache: reuse", 1e3 * reuse_s, "ms"),
            Value("key cache: reuses", 1 / reuse_s, "1/s", Kind.THROUGHPUT),
            Value("key cache: first use over reuse", first_s / reuse_s, "x"),
        ]

    def end_to_end(self, number: int) -> list[Value]:
        """A batch of RingCT proofs from witnesses to proofs that this side has verified again."""
        del number
        witnesses = self._coins[: self._sizes.ringct]
        began = time.perf_counter()
        batch = self._proved(self._ringct, witnesses)
        took_s = time.perf_counter() - began
        verified = self._verified(self._ringct, batch, witnesses)
        latencies_ms = [1e3 * job.latency_s for job in batch.jobs]
        return [
            Value("end to end: proofs", len(witnesses) / took_s, "1/s", Kind.THROUGHPUT),
            Value("end to end: latency p99", quantile(latencies_ms, 0.99), "ms", Kind.P99),
            Value("end to end: proofs that verify here", verified, "share", Kind.EXACT),
        ]

    def workload(self, number: int, name: str) -> list[Value]:
        """Proofs that declare what they read and write, as one batch."""
        rng = Random(f"{name} {number}")
        count = self._sizes.transactions
        accesses = tuple(Access(*CONFLICTS[name](rng)) for _ in range(count))
        began = time.perf_counter()
        batch = self._client.prove_batch(self._multiply, self._witnesses[:count], conflict_keys=accesses)
        for job in batch.as_completed():
            _raise(job.error)
        return [Value(f"{name}: proofs", count / (time.perf_counter() - began), "1/s", Kind.THROUGHPUT)]

    def _proved(self, key: Key, witnesses: Limbs) -> Batch:
        batch = self._client.prove_batch(key, witnesses)
        for job in batch.as_completed():
            _raise(job.error)
        return batch

    def _verified(self, key: Key, batch: Batch, witnesses: Limbs) -> float:
        """Share of the proofs of a batch that verify for the statements of its witnesses; all or none."""
        assert key.circuit is not None
        proofs = [job.proof for job in batch.jobs if job.proof is not None]
        if len(proofs) < len(witnesses):
            return len(proofs) / len(witnesses)
        groth16.verify_batch(key.verifying_key, proofs, list(key.circuit.public_inputs(witnesses)))
        return 1.0


_JOBS_UNDER_KILL: Final = 300
"""More than a call takes: some are under way when those of the first have arrived."""


def _random_witnesses(key: Key, count: int) -> Limbs:
    assert key.circuit is not None
    return key.circuit.random_witnesses(count)


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error


def quantile(values: Sequence[float], q: float) -> float:
    """Return the lower quantile of a sequence."""
    ascending = sorted(values)
    return ascending[int(q * (len(ascending) - 1))]
