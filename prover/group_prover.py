"""What a worker does with a group of jobs, once their witnesses are here."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from kernels.cuda.device_backend import DeviceBackend
from prover.errors import ProverError
from prover.groth16.phases import Phase
from prover.group import answer, refusal
from prover.parallel import ParallelProver, ProverConfig
from prover.peak_memory import PeakMemory
from prover.proof_result import ProofResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kernels.backend import Backend
    from kernels.encoding import Limbs
    from prover.groth16 import ProvingKey
    from prover.job_steps import JobSteps
    from prover.kept_keys import KeptKeys
    from prover.pool import ProverPool


class GroupProver:
    """Proves groups of jobs of one key each. Safe to share between threads.

    Parameters
    ----------
    jobs
        Is told where each job is, and asked whether it is still wanted.
    on_verifying
        Called with the ids of jobs whose proofs are about to be verified.

    Attributes
    ----------
    proofs
        Made so far, verified.
    """

    def __init__(
        self,
        pool: ProverPool,
        backend: Backend,
        keys: KeptKeys,
        jobs: JobSteps,
        on_verifying: Callable[[list[str]], None],
    ) -> None:
        self._pool, self._backend, self._keys, self._jobs = pool, backend, keys, jobs
        self._on_verifying = on_verifying
        self._memory = PeakMemory()
        self._lock = threading.Lock()
        self.proofs = 0

    def prove(
        self, key: ProvingKey, witnesses: Sequence[Limbs | ProverError], job_ids: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Return the answers for jobs, see :meth:`prover.worker.ProverWorker.run_group`.

        Parameters
        ----------
        witnesses
            For each job, or why it has none.
        """
        present = [(job, witness) for job, witness in enumerate(witnesses) if not isinstance(witness, ProverError)]
        self._keys.prepare(key)  # before memory is measured: tables stay
        with self._memory.measured(key.key_id) as peak:
            items = self._prove(key, [witness for _, witness in present], [job_ids[job] for job, _ in present])
        side_by_side = max(1, min(len(items), self._pool.threads))
        peak_bytes = 0 if self._has_device else -(-peak.byte_count // side_by_side)
        answers = [refusal(witness) if isinstance(witness, ProverError) else {} for witness in witnesses]
        for (job, _), item in zip(present, items, strict=True):
            answers[job] = answer(item, peak_bytes)
        return answers

    @property
    def _has_device(self) -> bool:
        """Whether it works in the memory of a device; its host's is then none of its jobs' concern."""
        return isinstance(self._backend, DeviceBackend) and self._backend.health().work_bytes > 0

    def _prove(self, key: ProvingKey, witnesses: list[Limbs], job_ids: list[str]) -> tuple[ProofResult, ...]:
        if not witnesses:
            return ()
        config = ProverConfig(backend=self._backend, batch_limit=len(witnesses), tables=self._keys.tables)
        self._jobs.enter(job_ids, Phase.CHECK_WITNESS)
        batch = ParallelProver(key, config, self._pool).prove_batch(
            witnesses,
            should_stop=lambda index: self._jobs.is_cancelled(job_ids[index]),
            on_phase=lambda index, phase, _seconds: self._jobs.ended(job_ids[index], phase),
            on_verifying=lambda indices: self._verifying([job_ids[index] for index in indices]),
        )
        with self._lock:
            self.proofs += len(batch.proofs)
        return batch.items

    def _verifying(self, job_ids: list[str]) -> None:
        self._jobs.enter(job_ids, Phase.VERIFY)
        self._on_verifying(job_ids)
