"""Cases of whole proofs: the time of the prove call, key loaded, with what it spends on each phase.

Our call checks every constraint first and verifies the proof before it returns it; the peer's does neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import groth16py_peer
from benchmarks.paired import OURS, Case, Contender, timed
from benchmarks.squaring_circuit import squaring_circuit
from kernels import BLS12_381, BN254, Array, Backend, Curve
from prover import groth16
from prover.groth16 import Phase, ProvingKey

TWO_THREADS = f"{OURS}, 2 threads"


def proof_cases(sizes: tuple[int, ...], backend: Backend, peer: Path | None) -> Iterator[Case]:
    """All of them, made one by one; a peer's process ends when the next is asked for.

    Parameters
    ----------
    peer
        The Python that has groth16py, which knows BN254 only; None leaves it out.
    """
    for curve in (BN254, BLS12_381):
        for log2_n in sizes:
            with ExitStack() as stack:
                yield _proof_case(curve, log2_n, backend, peer if curve is BN254 else None, stack)


def _proof_case(curve: Curve, log2_n: int, backend: Backend, peer: Path | None, stack: ExitStack) -> Case:
    circuit = squaring_circuit(curve, log2_n)
    witness = circuit.random_witnesses(1, seed=1)[0]
    pk = groth16.setup(circuit.r1cs, curve, backend=backend, circuit=circuit.name, parameters=circuit.parameters)
    phases: dict[str, list[float]] = {phase: [] for phase in Phase}
    contenders: dict[str, Contender] = {
        OURS: _contender(pk, witness, backend, 1, phases),
        TWO_THREADS: _contender(pk, witness, backend, 2, None),
    }
    if peer is not None:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        contenders[groth16py_peer.NAME] = stack.enter_context(groth16py_peer.loaded(peer, circuit, witness, directory))
    return Case(f"proof {curve.name}", 1 << log2_n, contenders, phases)


def _contender(
    pk: ProvingKey, witness: Array, backend: Backend, threads: int, phases: dict[str, list[float]] | None
) -> Contender:
    on_phase = None if phases is None else lambda phase, seconds: phases[phase].append(seconds)
    return timed(lambda: groth16.prove(pk, witness, backend, threads=threads, on_phase=on_phase))
