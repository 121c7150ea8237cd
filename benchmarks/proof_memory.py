"""Peak memory of one proof, by a process that does nothing else: it loads a stored key and a witness, and proves.

``python -m benchmarks.proof_memory KEY_DIRECTORY KEY_ID WITNESS.npy TABLE_BYTES`` prints its figures as JSON.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import prover.groth16.prepare as preparation
from benchmarks.scope import TABLE_BYTES
from benchmarks.squaring_circuit import squaring_circuit
from kernels import BN254, Backend, get_backend
from prover import groth16
from prover.key_store import load_key, save_key

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Memory:
    """Peak resident set of a process that proves, and what of it there was before: interpreter, libraries, kernels."""

    constraints: int
    tables: bool
    before_bytes: int
    peak_bytes: int


def measure_memory(sizes: tuple[int, ...], backend: Backend) -> Iterator[Memory]:
    """Peak memory of a BN254 proof of each size, without tables and with them."""
    for log2_n in sizes:
        circuit = squaring_circuit(BN254, log2_n)
        pk = groth16.setup(circuit.r1cs, BN254, backend=backend)
        with TemporaryDirectory() as directory:
            key_id = save_key(pk, directory)
            values, witness = circuit.random_witnesses(1, seed=1)[0], Path(directory) / "witness.npy"
            np.save(witness, values)
            groth16.prove(pk, values, backend)  # compiles here what the process below then loads
            for table_bytes in (0, TABLE_BYTES):
                command = [sys.executable, "-m", "benchmarks.proof_memory", directory, key_id, witness, table_bytes]
                done = subprocess.run(  # noqa: S603 - our own arguments
                    [str(part) for part in command], cwd=_ROOT, capture_output=True, encoding="utf-8", check=True
                )
                before, peak = json.loads(done.stdout)
                yield Memory(1 << log2_n, bool(table_bytes), before, peak)


def _peak_bytes() -> int:
    # Not getrusage: its figure outlives exec, so that of a child starts at its parent's.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kibibytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kibibytes) << 10


def main() -> None:
    """Prove once in this process."""
    logging.getLogger("prover").setLevel(logging.ERROR)
    directory, key_id, witness, table_bytes = sys.argv[1:]
    preparation.TABLE_BYTES = int(table_bytes)
    backend = get_backend()
    before = _peak_bytes()
    groth16.prove(load_key(directory, key_id), np.load(witness), backend)
    print(json.dumps([before, _peak_bytes()]))


if __name__ == "__main__":
    main()
