"""Cases of batches: the time of one proof within a batch that is proved and verified, on one and on two threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.paired import OURS, Case, Contender, timed
from benchmarks.proof_cases import TWO_THREADS
from benchmarks.scope import Scope
from kernels import BLS12_381, Backend
from prover import ParallelProver, ProverConfig, ProverPool, groth16
from prover.circuits import get_circuit


def batch_cases(scope: Scope, backend: Backend) -> Iterator[Case]:
    """One for each batch of the scope; the threads of a case end when the next is asked for."""
    for name, parameters, batch in scope.batches:
        with ProverPool(1) as one, ProverPool(2) as two:
            yield _batch_case(name, parameters, batch, backend, {OURS: one, TWO_THREADS: two})


def _batch_case(
    name: str, parameters: Mapping[str, int], batch: int, backend: Backend, pools: Mapping[str, ProverPool]
) -> Case:
    circuit = get_circuit(name, BLS12_381, **parameters)
    witnesses = circuit.random_witnesses(batch, seed=1)
    pk = groth16.setup(circuit.r1cs, circuit.curve, backend=backend, circuit=name, parameters=parameters)

    def contender(pool: ProverPool) -> Contender:
        prover = ParallelProver(pk, ProverConfig(backend=backend), pool)

        def prove() -> None:
            result = prover.prove_batch(witnesses)
            if len(result.proofs) != batch:
                raise AssertionError(f"{len(result.errors)} proofs of the batch failed")

        return timed(prove, batch)

    return Case(f"batch of {name}", batch, {contender_name: contender(pool) for contender_name, pool in pools.items()})
