"""Cases of batches: the time of one proof within a batch that is proved and verified, on one and on two threads.

Before them, what two threads are worth to work that shares nothing: how near to twice a machine comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.operands import MsmOperands
from benchmarks.paired import OURS, Case, Contender, timed
from benchmarks.proof_cases import TWO_THREADS
from benchmarks.scope import Scope
from kernels import BLS12_381, Array, Backend, Bases
from kernels.cpu.threads import for_each
from prover import ParallelProver, ProverConfig, ProverPool, groth16
from prover.circuits import get_circuit

APART = "multiplications side by side"
LOG2_APART = 13


def batch_cases(scope: Scope, backend: Backend) -> Iterator[Case]:
    """One for each batch of the scope; the threads of a case end when the next is asked for."""
    if scope.batches:
        yield _apart_case(backend)
    for name, parameters, batch in scope.batches:
        with ProverPool(1) as one, ProverPool(2) as two:
            yield _batch_case(name, parameters, batch, backend, {OURS: one, TWO_THREADS: two})


def _apart_case(backend: Backend) -> Case:
    """Two multiplications that have nothing to do with each other, one after the other or on a thread each."""
    operands = [MsmOperands(BLS12_381, "g1", LOG2_APART) for _ in range(2)]
    jobs = [(backend.load_bases(BLS12_381, "g1", each.points(backend)), each.scalar_limbs()) for each in operands]

    def multiply(job: tuple[Bases, Array]) -> None:
        backend.msm(*job)

    def contender(threads: int) -> Contender:
        return timed(lambda: for_each(multiply, jobs, threads), len(jobs))

    return Case(APART, len(jobs), {OURS: contender(1), TWO_THREADS: contender(2)})


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
