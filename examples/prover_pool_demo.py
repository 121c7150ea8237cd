"""A pool of proving threads in one process, over several batches of RingCT proofs.

Each batch has new random witnesses; the threads and the key are the same throughout.
Run it with ``python examples/prover_pool_demo.py``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from prover import ParallelProver, ProverConfig, ProverPool, get_circuit


def os_threads() -> dict[int, str]:
    """Names of this process' proving threads as the operating system has them, by thread id."""
    names = {
        int(task.name): (task / "comm").read_text(encoding="utf-8").strip()
        for task in Path("/proc/self/task").iterdir()
    }
    return {number: name for number, name in names.items() if name.startswith("prover-work")}


def row(label: str, cells: Sequence[str]) -> str:
    """One line of the table."""
    return f"{label:8}" + "".join(f"{cell:>12}" for cell in cells)


def main() -> None:
    """Prove the batches and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--batch", type=int, default=10, help="proofs in each batch")
    parser.add_argument("--depth", type=int, default=3, help="depth of the Merkle tree")
    parser.add_argument("--coins", type=int, default=2, help="inputs and outputs of each transaction")
    options = parser.parse_args()
    if min(options.batches, options.batch) < 1:
        parser.error("--batches and --batch must be positive")

    circuit = get_circuit("ringct", "bls12_381", depth=options.depth, inputs=options.coins, outputs=options.coins)
    with tempfile.TemporaryDirectory() as keys, ProverPool() as pool:
        began = time.perf_counter()
        config = ProverConfig(key_directory=Path(keys))
        prover = ParallelProver.with_shared_setup(circuit, config).with_custom_pool(pool)
        print(f"{circuit}, {pool.threads} threads; key set up in {time.perf_counter() - began:.1f} s")
        prover.prove_batch(circuit.random_witnesses(1))  # loads the key's points, outside the batches' time
        before = pool.stats()

        print(row("batch", ["seconds", "proofs/s", "mean ms", "longest ms", "threads"]))
        rates, threads_by_batch = [], []
        for number in range(1, options.batches + 1):
            seen: set[int] = set()
            result = prover.prove_batch(
                circuit.random_witnesses(options.batch),
                on_phase=lambda *_, seen=seen: seen.add(threading.get_native_id()),
            )
            for error in result.errors.values():
                raise error
            latencies_ms = [1000 * item.latency_s for item in result.items]
            rates.append(len(result.proofs) / result.elapsed_s)
            threads_by_batch.append(seen)
            cells = [f"{result.elapsed_s:.2f}", f"{rates[-1]:.2f}", f"{statistics.fmean(latencies_ms):.0f}"]
            print(row(str(number), [*cells, f"{max(latencies_ms):.0f}", str(len(seen))]))

        mean = statistics.fmean(rates)
        spread = (max(rates) - min(rates)) / mean
        print(f"between batches: {min(rates):.2f} to {max(rates):.2f} proofs/s, a spread of {spread:.1%} of the mean")
        after = pool.stats()
        tasks = after.tasks - before.tasks
        busy_ms = after.tasks * after.average_ms - before.tasks * before.average_ms
        print(f"pool: {tasks} tasks, {busy_ms / tasks:.0f} ms each on average")
        used = set[int]().union(*threads_by_batch)
        names = os_threads()
        print(f"threads: {len(used)} made all {tasks} proofs: {', '.join(names[number] for number in sorted(used))}")


if __name__ == "__main__":
    main()
