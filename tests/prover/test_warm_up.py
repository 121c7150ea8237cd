"""Once a curve is warm, nothing that a job can ask for compiles."""

import subprocess
import sys

import pytest

from kernels import CURVES

PROGRAM = """
import contextlib
import logging
import sys

from benchmarks.squaring_circuit import squaring_circuit
from kernels import get_backend
from kernels.cpu.compilation import observe_compilation
from prover import ParallelProver, ProverConfig, ProverPool, groth16
from prover.circuits import get_circuit
from prover.errors import InvalidProof
from prover.warm_up import warm_up

logging.disable()
curve, backend = sys.argv[1], get_backend(sys.argv[2])
before, during = [], []
with observe_compilation(before.append):
    warm_up(curve, backend)
with observe_compilation(during.append):
    circuits = [get_circuit("ringct", curve, depth=3, inputs=2, outputs=2), get_circuit("multiply", curve)]
    circuits.append(squaring_circuit(circuits[0].curve, 11))
    for circuit in circuits:
        pk = groth16.setup(circuit.r1cs, circuit.curve, backend=backend, threads=2)
        groth16.validate_key(pk, backend)
        with ProverPool(2) as pool:
            for size in (1, 2, 17):
                witnesses = circuit.random_witnesses(size)
                batch = ParallelProver(pk, ProverConfig(backend=backend), pool).prove_batch(witnesses)
                assert not batch.errors, batch.errors
                statements = [item.public_inputs for item in batch.items]
                groth16.verify_batch(pk.verifying_key, batch.proofs, statements, backend)
        groth16.verify(pk.verifying_key, groth16.Proof.from_bytes(batch.proofs[0].to_bytes(), backend), statements[0])
        with contextlib.suppress(InvalidProof):
            groth16.verify_batch(pk.verifying_key, batch.proofs, statements[1:] + statements[:1], backend)
print(len(before), *(event.kernel for event in during))
"""


@pytest.mark.parametrize("curve", [curve.name for curve in CURVES])
def test_no_job_compiles_after_the_warm_up(curve):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, curve, "auto"], capture_output=True, encoding="utf-8", check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr
    before, *during = done.stdout.split()
    assert int(before) > 20
    assert during == []
