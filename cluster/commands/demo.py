"""``fastpath-prover demo``: a batch of each built-in circuit through the whole system, on this machine, measured."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from cluster.client import Client
from cluster.exit_codes import ExitCode
from cluster.machine import cpu_model, machine_document, versions_document
from cluster.progress import compilation_shown, kernels_shown
from cluster.proved_batch import await_verified
from cluster.rendering import Console, count, counted, duration, rate, table
from cluster.settings import Settings, load_settings
from fastpath.statistics import Latency

_CURVE: Final = "bls12_381"
_PARAMETERS: Final[Mapping[str, Mapping[str, int]]] = {
    "ringct": {"depth": 3, "inputs": 2, "outputs": 2},
    "multiply": {},
}
_BATCH: Final = {"ringct": 64, "multiply": 256}  # about half a minute on two cores, start included


@dataclass(frozen=True)
class Measurement:
    """What one circuit's batch took.

    Attributes
    ----------
    batch, proofs, verified
        Witnesses sent, proofs that came back, and those among them that verify in this process.
    p50_ms, p90_ms, p95_ms, p99_ms
        FastPath's latency of a job, from submission to result: most of it is waiting for a thread.
    retries
        Jobs that had to run again.
    pool_tasks, pool_mean_ms
        What the workers' threads did, and the mean time of a task.
    first_use_s, cached_use_s
        Until the key could be used: set up, stored and loaded; and asked for again.
    verify_s
        Verification of all proofs in this process.
    """

    circuit: str
    parameters: Mapping[str, int]
    curve: str
    constraints: int
    batch: int
    proofs: int
    verified: int
    elapsed_s: float
    proofs_per_s: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    retries: int
    pool_tasks: int
    pool_mean_ms: float
    first_use_s: float
    cached_use_s: float
    verify_s: float


def run(options: argparse.Namespace, console: Console) -> int:
    """Prove, verify and measure; return 1 if anything is missing or does not verify."""
    settings = load_settings(options.settings, config=options.config)
    names = [options.circuit] if options.circuit else list(_PARAMETERS)
    # A key folder of its own: the first use is then always a real one, and nothing is left behind.
    with tempfile.TemporaryDirectory(prefix="fastpath-prover-demo-") as folder:
        measured = _measure_all(console, replace(settings, key_dir=Path(folder)), names, options.batch)
    document = {
        "circuits": [asdict(measurement) for measurement in measured],
        "machine": {**machine_document(), "threads": settings.threads},
        "versions": versions_document(),
    }
    console.result(document, _text(console, measured, settings))
    return ExitCode.OK if all(m.verified == m.batch for m in measured) else ExitCode.FAILED


def _measure_all(console: Console, settings: Settings, names: list[str], batch: int | None) -> list[Measurement]:
    console.note("starting Ray, FastPath, the key vault and a prover worker")
    with kernels_shown(console) as on_progress:
        client = Client.local(settings, on_progress)
    with client, compilation_shown(console):
        return [_measure(console, client, name, batch or _BATCH[name]) for name in names]


def _measure(console: Console, client: Client, name: str, batch: int) -> Measurement:
    console.note(f"{name}: setting up its key")
    started = time.perf_counter()
    key = client.circuit(name, _CURVE, **_PARAMETERS[name])
    ready = time.perf_counter()
    client.circuit(name, _CURVE, **_PARAMETERS[name])
    again = time.perf_counter()
    circuit = key.circuit
    assert circuit is not None, "a built-in circuit has one"
    witnesses = circuit.random_witnesses(batch)

    tasks_before, busy_ms_before = _pool(client)
    retries_before = client.stats().retry_count
    console.note(
        f"{name}: proving {'1 random witness' if batch == 1 else f'{count(batch)} random witnesses, no two alike'}"
    )
    submitted = time.perf_counter()
    submission = client.prove_batch(key, witnesses)
    proved = await_verified(console, name, key, circuit.public_inputs(witnesses), submission, submitted)
    stats = client.stats()
    latency = stats.latency_by_key.get(key.key_id, Latency())  # none when every job was dropped
    tasks, busy_ms = _pool(client)
    return Measurement(
        circuit=name,
        parameters=dict(_PARAMETERS[name]),
        curve=circuit.curve.name,
        constraints=key.metadata.constraints,
        batch=batch,
        proofs=proved.proofs,
        verified=proved.verified,
        elapsed_s=proved.elapsed_s,
        proofs_per_s=proved.proofs_per_s,
        p50_ms=latency.p50_ms,
        p90_ms=latency.p90_ms,
        p95_ms=latency.p95_ms,
        p99_ms=latency.p99_ms,
        retries=stats.retry_count - retries_before,
        pool_tasks=tasks - tasks_before,
        pool_mean_ms=(busy_ms - busy_ms_before) / max(1, tasks - tasks_before),
        first_use_s=ready - started,
        cached_use_s=again - ready,
        verify_s=proved.verify_s,
    )


def _pool(client: Client) -> tuple[int, float]:
    """Tasks of all workers' pools so far, and their milliseconds."""
    pools = [(worker["pool_tasks"], worker["pool_average_ms"]) for worker in client.workers() if "pool_tasks" in worker]
    return sum(tasks for tasks, _ in pools), sum(tasks * average_ms for tasks, average_ms in pools)


def _text(console: Console, measured: list[Measurement], settings: Settings) -> str:
    lines = table(
        [
            ["", *(m.circuit for m in measured)],
            ["constraints", *(count(m.constraints) for m in measured)],
            ["proofs made", *(count(m.proofs) for m in measured)],
            ["proofs verified", *(count(m.verified) for m in measured)],
            ["proofs per second", *(rate(m.proofs_per_s) for m in measured)],
            ["latency p50", *(duration(m.p50_ms / 1000) for m in measured)],
            ["latency p90", *(duration(m.p90_ms / 1000) for m in measured)],
            ["latency p95", *(duration(m.p95_ms / 1000) for m in measured)],
            ["latency p99", *(duration(m.p99_ms / 1000) for m in measured)],
            ["retries", *(count(m.retries) for m in measured)],
            ["pool tasks", *(count(m.pool_tasks) for m in measured)],
            ["mean task", *(duration(m.pool_mean_ms / 1000) for m in measured)],
            ["key, first use", *(duration(m.first_use_s) for m in measured)],
            ["key, cached", *(duration(m.cached_use_s) for m in measured)],
        ]
    )
    return "\n".join(
        [
            "",
            f"Groth16 on BLS12-381, {counted(settings.threads, 'thread')}, {cpu_model()}",
            "",
            console.styled(lines[0], "bold", "cyan"),
            *lines[1:],
            "",
            _verdict(console, measured),
            "Latency counts from submission: in a batch, most of it is waiting for a thread.",
        ]
    )


def _verdict(console: Console, measured: list[Measurement]) -> str:
    asked, verified = sum(m.batch for m in measured), sum(m.verified for m in measured)
    if verified < asked:
        return console.styled(f"Only {count(verified)} of {count(asked)} proofs were made and verified.", "bold", "red")
    made = f"{counted(asked, 'proof')}, each verified twice: by the worker that made it, and again here."
    return console.styled(made, "bold", "green")
