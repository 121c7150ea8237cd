"""The peer of whole proofs: groth16py (arkworks behind Python), in its own virtual environment and process."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.paired import Contender
from kernels import Array, ints_from_limbs
from prover.circuit import Circuit
from prover.formats import write_r1cs, write_wtns

NAME = "groth16py"
ROOT = Path(__file__).parents[1]


class PeerUnavailable(Exception):  # noqa: N818 - a reason to leave the peer out
    """Why a peer cannot be measured here."""


def install(directory: Path) -> Path:
    """Install the version that the extra ``bench-peers`` names into ``directory``; return its Python.

    Raises
    ------
    PeerUnavailable
        With the last line of pip's complaint.
    """
    python = directory / "bin" / "python"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["optional-dependencies"]["bench-peers"]
    if not python.exists():
        venv.create(directory, with_pip=True)
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", *wanted]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise PeerUnavailable(f"pip could not install it: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
    return python


@contextmanager
def loaded(python: Path, circuit: Circuit, witness: Array, directory: Path) -> Iterator[Contender]:
    """A contender that proves the same constraint system with the same witness, its key in memory.

    Raises
    ------
    PeerUnavailable
        If its process ends before it is ready.
    """
    r1cs, wtns = directory / "circuit.r1cs", directory / "witness.wtns"
    write_r1cs(r1cs, circuit.r1cs, outputs=0)
    write_wtns(wtns, circuit.curve, witness)
    public_inputs = [str(value) for value in ints_from_limbs(circuit.public_inputs(witness))]
    script = Path(__file__).with_name("groth16py_process.py")
    with subprocess.Popen(  # noqa: S603 - our own arguments
        [python, "-I", script, r1cs, wtns, *public_inputs],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        env={"RAYON_NUM_THREADS": "1"},
        encoding="utf-8",
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        stdin, stdout = process.stdin, process.stdout
        if stdout.readline().strip() != "ready":
            raise PeerUnavailable("its process ended before it was ready")

        def run() -> float:
            print("prove", file=stdin, flush=True)
            return float(stdout.readline())

        yield run
