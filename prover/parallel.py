"""Prove batches on the threads of this process.

Every proof is verified, as part of its batch, before it is returned. A bad item gets its own error; the others
complete.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

import kernels
from kernels.backend import Backend
from kernels.cuda.device_backend import DeviceBackend, trusted_backend
from prover import unverified_proofs
from prover.errors import BadInput, InvalidProof
from prover.groth16.keys import ProvingKey
from prover.groth16.phases import Phase
from prover.groth16.prepare import distrust_tables
from prover.groth16.prove import ATTEMPTS, blames_backend, unproven
from prover.groth16.prove_rows import MOST_CONSTRAINTS, MOST_ROWS
from prover.groth16.verify_batch import verify_batch
from prover.key_cache import shared_key
from prover.pool import ProverPool, default_pool
from prover.proof_result import BatchResult, ProofResult
from prover.unverified_proofs import ShouldStopItem

if TYPE_CHECKING:
    from kernels.encoding import Limbs
    from prover.circuit import Circuit
    from prover.table_store import TableStore

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

LEAST_VERIFIED_TOGETHER = 8
"""Proofs that are verified in one product at least: fewer would pay too much for its final exponentiation."""

OnItemPhase: TypeAlias = Callable[[int, Phase, float], None]
"""Called from the proving threads with an item's index, the phase that ended and its seconds."""

OnVerifying: TypeAlias = Callable[[Sequence[int]], None]
"""Called with the indices of proofs that have been made, from a proving thread or that of the batch's caller."""


@dataclass(frozen=True)
class ProverConfig:
    """How a :class:`ParallelProver` works.

    Attributes
    ----------
    key_directory
        Where shared keys are stored; None for :func:`prover.key_store.default_key_directory`.
    backend
        None for :func:`kernels.get_backend`.
    batch_limit
        Longest batch accepted.
    tables
        Where this machine's processes share the key's tables; None makes them in this one.
    """

    key_directory: Path | None = None
    backend: Backend | None = None
    batch_limit: int = 4096
    tables: TableStore | None = None


@dataclass(frozen=True)
class ParallelProver:
    """Proves batches for one key, on a pool of threads.

    Safe to share between threads. The pool is not closed by the prover.

    Examples
    --------
    >>> circuit = get_circuit("multiply", "bls12_381")  # doctest: +SKIP
    >>> ParallelProver.with_shared_setup(circuit).prove_batch(circuit.random_witnesses(8)).proofs  # doctest: +SKIP
    """

    key: ProvingKey
    config: ProverConfig = field(default_factory=ProverConfig)
    pool: ProverPool = field(default_factory=default_pool)

    @classmethod
    def with_shared_setup(cls, circuit: Circuit, config: ProverConfig | None = None) -> ParallelProver:
        """A prover with the machine's shared development key for a circuit, made if there is none yet."""
        config = config or ProverConfig()
        pool = default_pool()
        return cls(shared_key(circuit, config.key_directory, config.backend, pool.threads), config, pool)

    def with_custom_pool(self, pool: ProverPool) -> ParallelProver:
        """The same prover on another pool, which stays the caller's to close."""
        return replace(self, pool=pool)

    def prove_batch(
        self,
        witnesses: Limbs | Sequence[Limbs],
        should_stop: ShouldStopItem | None = None,
        on_phase: OnItemPhase | None = None,
        on_verifying: OnVerifying | None = None,
    ) -> BatchResult:
        """Prove every witness of a batch.

        Parameters
        ----------
        witnesses
            ``uint64[batch, variables, 4]``, or a sequence of ``uint64[variables, 4]``; standard form.
        on_verifying
            Called before proofs are verified, all or some of them; again for those that have to be made anew.

        Raises
        ------
        BadInput
            If the batch is empty or above the limit. Errors of single items are in the result.

        Notes
        -----
        Proofs run side by side, one to a thread; a batch shorter than the pool gives each large proof several threads.
        With a GPU that such a batch pays on, all run together there; if it fails them, they are proved on the CPU.
        """
        started = time.perf_counter()
        self._check_batch(witnesses)
        backend = self.config.backend or kernels.get_backend()
        threads = max(1, self.pool.threads // len(witnesses))
        small = self.key.domain_size <= MOST_CONSTRAINTS

        def prove_item(index: int) -> ProofResult:
            return unverified_proofs.prove_item(
                self.key,
                witnesses[index],
                backend,
                threads,
                started,
                None if should_stop is None else partial(should_stop, index),
                None if on_phase is None else partial(on_phase, index),
                self.config.tables,
            )

        results: dict[int, ProofResult] = {}
        pending = list(range(len(witnesses)))
        for _ in range(ATTEMPTS):
            if not pending:
                break
            invalid: list[int] | None = None
            made = self._run_together(witnesses, pending, backend, started, should_stop, on_phase)
            if made is None and small:
                made, invalid = self._run_rows(
                    witnesses, pending, backend, started, should_stop, on_phase, on_verifying
                )
            results.update(zip(pending, made or self._run(prove_item, pending, [1] * len(pending)), strict=True))
            if invalid is None:
                made_now = [i for i in pending if results[i].proof is not None]
                if made_now and on_verifying is not None:
                    on_verifying(made_now)
                invalid = self._invalid([(i, results[i]) for i in made_now], backend)
            pending = invalid
            if pending and self.config.tables is not None and blames_backend(self.key):
                distrust_tables(self.key, backend, self.config.tables)
        for index in pending:
            results[index] = replace(results[index], proof=None, public_inputs=None, error=unproven(self.key, backend))
        return BatchResult(tuple(results[i] for i in range(len(witnesses))), time.perf_counter() - started)

    def _run_together(
        self,
        witnesses: Limbs | Sequence[Limbs],
        indices: Sequence[int],
        backend: Backend,
        submitted: float,
        should_stop: ShouldStopItem | None,
        on_phase: OnItemPhase | None,
    ) -> list[ProofResult] | None:
        """Prove items on the backend's device, as one task of the pool; None where that does not pay or failed."""
        if not isinstance(backend, DeviceBackend) or not backend.pays(len(indices) * self.key.r1cs.variables):
            return None
        task = partial(unverified_proofs.prove_together, self.key, [witnesses[i] for i in indices], backend)
        stop = None if should_stop is None else (lambda position: should_stop(indices[position]))
        phase = None if on_phase is None else partial(_phase_of_all, on_phase, indices)
        future = self.pool.submit(task, submitted, stop, phase)
        try:
            return future.result()
        finally:
            future.cancel()

    def _run_rows(
        self,
        witnesses: Limbs | Sequence[Limbs],
        indices: Sequence[int],
        backend: Backend,
        submitted: float,
        should_stop: ShouldStopItem | None,
        on_phase: OnItemPhase | None,
        on_verifying: OnVerifying | None,
    ) -> tuple[list[ProofResult], list[int] | None]:
        """Prove items of a small circuit, some together in each task of the pool.

        Where no thread has more than one task, each verifies its own proofs at once: waiting for the others in
        between costs two threads some 5 % of a batch. Then the indices of those that are invalid come
        with the results, otherwise None.
        """
        each = min(MOST_ROWS, -(-len(indices) // self.pool.threads))
        parts = [indices[first : first + each] for first in range(0, len(indices), each)]
        verifies = len(parts) <= self.pool.threads and len(parts[-1]) >= LEAST_VERIFIED_TOGETHER

        def prove_part(part: Sequence[int]) -> tuple[list[ProofResult], list[int]]:
            stop = None if should_stop is None else (lambda row: should_stop(part[row]))
            phase = None if on_phase is None else partial(_phase_of_all, on_phase, part)
            adjacent = part[-1] - part[0] == len(part) - 1  # a slice of an array is one, too
            chosen = witnesses[part[0] : part[-1] + 1] if adjacent else [witnesses[i] for i in part]
            results = unverified_proofs.prove_in_rows(
                self.key, chosen, backend, submitted, stop, phase, self.config.tables
            )
            made = [(i, item) for i, item in zip(part, results, strict=True) if item.proof is not None]
            if not (verifies and made):
                return results, []
            if on_verifying is not None:
                on_verifying([i for i, _ in made])
            return results, _invalid(self.key, backend, made)

        proved = self._run(prove_part, parts, [len(part) for part in parts])
        invalid = [i for _, indices_of_part in proved for i in indices_of_part]
        return [result for results, _ in proved for result in results], invalid if verifies else None

    def _invalid(self, results: Sequence[tuple[int, ProofResult]], backend: Backend) -> list[int]:
        """Indices of the proofs that do not verify; each thread of the pool verifies a part."""
        each = max(LEAST_VERIFIED_TOGETHER, -(-len(results) // self.pool.threads))
        parts = [results[first : first + each] for first in range(0, len(results), each)]
        found = self._run(partial(_invalid, self.key, backend), parts, [0] * len(parts))
        return [index for part in found for index in part]

    def _run(self, work: Callable[[Item], Result], items: Sequence[Item], tasks: Sequence[int]) -> list[Result]:
        futures = [
            self.pool.submit_together(count, partial(work, item)) for item, count in zip(items, tasks, strict=True)
        ]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:  # when interrupted, what has not begun does not begin
                future.cancel()

    def _check_batch(self, witnesses: Limbs | Sequence[Limbs]) -> None:
        if isinstance(witnesses, np.ndarray) and witnesses.ndim != 3:
            raise BadInput(f"a batch of witnesses is uint64[batch, variables, 4], not of shape {list(witnesses.shape)}")
        if not len(witnesses):
            raise BadInput("a batch needs at least one witness")
        if len(witnesses) > self.config.batch_limit:
            raise BadInput(f"a batch holds at most {self.config.batch_limit} witnesses, not {len(witnesses)}; split it")


def _phase_of_all(on_phase: OnItemPhase, indices: Sequence[int], phase: Phase, seconds: float) -> None:
    for index in indices:
        on_phase(index, phase, seconds)


def _invalid(pk: ProvingKey, backend: Backend, results: Sequence[tuple[int, ProofResult]]) -> list[int]:
    """Indices of the proofs that do not verify."""
    made = [(i, item.proof, item.public_inputs) for i, item in results if item.proof and item.public_inputs is not None]
    indices, proofs, public_inputs = zip(*made, strict=True)
    try:
        verify_batch(pk.verifying_key, proofs, public_inputs, trusted_backend(backend))
    except InvalidProof as invalid:
        _log.warning("backend %s made proofs that do not verify: items %s", backend.name, invalid.indices)
        if isinstance(backend, DeviceBackend) and blames_backend(pk):
            backend.quarantine("it made proofs that do not verify", len(invalid.indices))
        return [indices[position] for position in invalid.indices]
    return []
