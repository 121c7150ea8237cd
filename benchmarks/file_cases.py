"""Cases of proofs from files: the time of a whole process, from its start to its end, on one CPU.

A process maps or reads a ``.zkey``, reads a ``.wtns``, proves, and writes ``proof.json`` and ``public.json``. Ours is
``fastpath-prover groth16 prove``; it finds its kernels compiled and the key validated, both done by the unmeasured
round, and verifies its proof before writing it. The peer does not verify its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import snarkjs_peer
from benchmarks.paired import OURS, Case, Contender
from benchmarks.squaring_circuit import squaring_circuit
from kernels import BLS12_381, BN254, Backend, Curve
from prover import groth16
from prover.formats import (
    proof_from_json,
    public_from_json,
    read_json,
    write_wtns,
    write_zkey,
)


def file_cases(sizes: Sequence[int], backend: Backend, peer: Path | None) -> Iterator[Case]:
    """All of them, made one by one; a case's files are deleted when the next is asked for.

    Parameters
    ----------
    peer
        The folder of snarkjs; None leaves it out.
    """
    for curve in (BN254, BLS12_381):
        for log2_n in sizes:
            with TemporaryDirectory() as directory:
                yield _file_case(curve, log2_n, backend, peer, Path(directory))


def _file_case(curve: Curve, log2_n: int, backend: Backend, peer: Path | None, directory: Path) -> Case:
    circuit = squaring_circuit(curve, log2_n)
    pk = groth16.setup(circuit.r1cs, curve, backend=backend)
    key, witness = directory / "circuit.zkey", directory / "witness.wtns"
    write_zkey(key, pk, backend)
    write_wtns(witness, curve, circuit.random_witnesses(1, seed=1)[0])
    proof, public = directory / "proof.json", directory / "public.json"
    program = Path(sys.executable).with_name("fastpath-prover")
    ours: list[str | Path] = [program, "groth16", "prove", key, witness, proof, public]
    settings = {
        "PROVER_THREADS": "1",
        "FASTPATH_PROVER_KEY_DIR": str(directory),
        "FASTPATH_PROVER_BACKEND": backend.name,
    }

    def contender(command: Sequence[str | Path], environment: Mapping[str, str]) -> Contender:
        def run() -> float:
            proof.unlink(missing_ok=True)
            elapsed_s = _run(command, environment)
            groth16.verify(
                pk.verifying_key, proof_from_json(read_json(proof)), public_from_json(read_json(public)), backend
            )
            return elapsed_s

        return run

    contenders = {OURS: contender(ours, settings)}
    if peer is not None:
        contenders[snarkjs_peer.NAME] = contender(snarkjs_peer.command(peer, key, witness, proof, public), {})
    return Case(f"proof from files {curve.name}", 1 << log2_n, contenders)


def _run(command: Sequence[str | Path], environment: Mapping[str, str]) -> float:
    with _one_cpu():
        started = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own arguments
            [str(part) for part in command],
            env={**os.environ, **environment},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        elapsed_s = time.perf_counter() - started
    if done.returncode:
        raise AssertionError(f"{command[0]} failed: {done.stderr[-2000:]}")
    return elapsed_s


@contextmanager
def _one_cpu() -> Iterator[None]:
    """Children started inside the ``with`` block run on one CPU."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
