"""The Ray actor that proves: groups of jobs in, verified proofs out.

The only module here that knows Ray. Keys come from a vault (:mod:`prover.vault`); their arrays are views of the node's
object store, shared by all workers of the node.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import ray
from ray.exceptions import GetTimeoutError, ObjectLostError, RayError

import kernels
from kernels.backend import Backend
from kernels.cuda.device_backend import DeviceBackend, trusted_backend
from prover.computed_once import ComputedOnce
from prover.cpu_affinity import pin_process, usable_cpus
from prover.errors import BadInput, DeviceFault
from prover.group import witness_rows
from prover.group_prover import GroupProver
from prover.job_steps import JobSteps
from prover.kept_keys import KeptKeys
from prover.key_intake import KeyIntake
from prover.pool import ProverPool
from prover.ready_kernels import ReadyKernels
from prover.table_store import TABLES_GROUP, SharedTables, TableIdentity
from prover.thread_rates import measure_thread_rates
from prover.vault import Vault, VaultCalls
from prover.vault_tables import VaultTables
from prover.warm_up import warm_up

_CURVES: Final = tuple(curve.name for curve in kernels.CURVES)
_WITNESS_TIMEOUT_S: Final = 60.0
_REPORT_TIMEOUT_S: Final = 1.0
_CONCURRENT_CALLS: Final = 16
_RESTART_DELAY_S: Final = 2.0
"""Time for the answer to the last call to leave a process that is about to end."""
_REPEATABLE: Final = 3
"""Restarts that a call on keys survives: it does the same however often it runs."""

_log = logging.getLogger(__name__)


class ProverWorker:
    """Proves on its own pool of threads. See :func:`start`.

    Kernels are compiled (or read from disk) when it starts, on a thread of its own, so that :meth:`progress` can tell;
    everything that computes waits for them.

    Parameters
    ----------
    name
        Shown in its repr, in the dashboard and by FastPath.
    vault
        Calls to the vault that keys come from. They find it by its name, since Ray could not restart a worker whose
        arguments, such as a handle, ended with the process that started it.
    threads
        Size of its pool.
    key_directory
        Where keys it sets up are stored.
    backend
        For :func:`kernels.get_backend`.
    curves
        Whose kernels it makes ready when it starts, so that no job waits for a compiler.
    cpus
        CPUs it is pinned to; empty for no preference.
    gpus
        GPUs that it may use: 0 or 1.
    control
        Name and namespace of the actor that is told, by ``report(name, job_ids, state)``, when jobs are ``"running"``
        and when they are ``"verifying"``; an empty name for nobody.
    """

    def __init__(
        self,
        name: str,
        vault: VaultCalls,
        threads: int,
        key_directory: str,
        backend: str = "auto",
        curves: Sequence[str] = _CURVES,
        cpus: Sequence[int] = (),
        gpus: int = 0,
        control: tuple[str, str] = ("", ""),
    ) -> None:
        pin_process(cpus)
        self._name = name
        self._key_directory = Path(key_directory)
        self._backend = self._choose_backend(backend, gpus)
        self._pool = ProverPool(threads)
        self._kernels = ReadyKernels(self._backend)
        self._intake = KeyIntake(self._key_directory, self._backend, self._kernels, threads)
        self._vault = Vault(vault, name)
        self._keys = KeptKeys(self._backend, self._kernels, self._vault.key, VaultTables(self._vault))
        self._control_name, self._control_namespace = control
        self._control: Any = None
        self._jobs = JobSteps()
        self._prover = GroupProver(
            self._pool, self._backend, self._keys, self._jobs, lambda job_ids: self._report(job_ids, "verifying")
        )
        self._restarting = False
        self._rates: ComputedOnce[str, dict[int, float]] = ComputedOnce(1)
        self._curves = tuple(curves)
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def _choose_backend(self, name: str, gpus: int) -> Backend:
        backend = kernels.get_backend(name)
        return backend if gpus else trusted_backend(backend)

    def __repr__(self) -> str:
        return f"ProverWorker({self._name}, {self._backend.name}, threads={self._pool.threads})"

    # --- jobs

    def run_group(
        self, key_id: str, witness_refs: list[list[Any]], rows: list[int], job_ids: list[str]
    ) -> list[dict[str, Any]]:
        """Prove a group of jobs for one key, and verify the proofs as one batch.

        Parameters
        ----------
        witness_refs
            For each job ``[reference]`` to the array of its batch, ``uint64[batch, variables, 4]``.
        rows
            For each job its row of that array.

        Returns
        -------
        For each job a dict: ``status`` (``"ok"`` or ``"error"``), ``payload`` (the proof's bytes), ``public_inputs``
        (bytes of ``uint64[public, 4]``), ``error``, ``seconds`` of a thread's work, ``peak_bytes``: memory that one of
        the jobs proved side by side took at most, of the device or else of the host; 0 where it was not measured, see
        :mod:`prover.peak_memory`.

        Raises
        ------
        KeyNotFound, BadInput
            If there is no such key, or it is damaged; every job of the group shares it.
        """
        self._jobs.begin(job_ids)
        begun = self._report(job_ids, "running")
        try:
            key = self._keys.get(key_id)
            references = [reference for (reference,) in witness_refs]
            witnesses = witness_rows({reference: _array(reference) for reference in set(references)}, references, rows)
            self._await(begun)
            return self._prover.prove(key, witnesses, job_ids)
        finally:
            if self._jobs.end(job_ids):
                self._restart_without_device()

    def _report(self, job_ids: list[str], state: str) -> Any:  # noqa: ANN401 - an object reference, or None
        """Tell the control plane where jobs are; jobs do not depend on whether it hears."""
        if not self._control_name:
            return None
        try:
            if self._control is None:
                self._control = ray.get_actor(self._control_name, namespace=self._control_namespace)
            return self._control.report.remote(self._name, job_ids, state)
        except (ValueError, RayError) as error:  # ValueError: no such actor
            _log.warning("the control plane does not hear of %d jobs (%s)", len(job_ids), type(error).__name__)
            return None

    def _await(self, report: Any) -> None:  # noqa: ANN401 - likewise
        """Wait until a report has been taken in: what follows may end this process, and the report with it."""
        if report is None:
            return
        try:
            ray.get(report, timeout=_REPORT_TIMEOUT_S)
        except RayError as error:
            _log.warning("the control plane does not answer (%s)", type(error).__name__)
            self._control = None  # it may have been replaced

    def _restart_without_device(self) -> None:
        """End this process soon if its GPU was lost: the next one has a working context, and no job is here now."""
        if isinstance(self._backend, DeviceBackend) and self._backend.health().restart and not self._restarting:
            self._restarting = True
            _log.warning("restarting %s to get its GPU back", self._name)
            threading.Timer(_RESTART_DELAY_S, os._exit, (1,)).start()

    def cancel(self, job_ids: Iterable[str]) -> None:
        """Stop these jobs at the next window of their MSM, if they run here or are about to."""
        self._jobs.cancel(job_ids)

    # --- keys

    @ray.method(max_task_retries=_REPEATABLE)
    def setup_circuit(self, name: str, curve: str, parameters: dict[str, int]) -> str:
        """Return the id of the machine's development key for a built-in circuit, made if there is none yet.

        Raises
        ------
        BadInput
            If there is no such circuit, curve or parameter.
        """
        return self._intake.setup_circuit(name, curve, parameters)

    @ray.method(max_task_retries=_REPEATABLE)
    def load_key(self, key_id: str) -> float:
        """Make a key, its bases and its curve's kernels ready before the first job; return the seconds that took.

        Raises
        ------
        KeyNotFound, BadInput
            If there is no such key, or it is damaged.
        """
        started = time.perf_counter()
        self._keys.load(key_id)
        return time.perf_counter() - started

    def make_tables(self, wanted: TableIdentity) -> SharedTables:
        """Make tables of a key for all workers of this machine: for the vault, which owns what it is given here.

        Raises
        ------
        KeyNotFound, BadInput
            If there is no such key, or this worker would make other tables than those wanted.
        """
        return self._keys.make_tables(wanted)

    @ray.method(max_task_retries=_REPEATABLE)
    def validate_key(self, folder: str) -> None:
        """Check every point and coefficient of a key that comes from outside.

        Raises
        ------
        KeyNotFound, BadInput
            See :func:`prover.key_store.load_key` and :func:`prover.groth16.validate_key`.
        """
        self._intake.validate_key(folder)

    @ray.method(max_task_retries=_REPEATABLE)
    def add_zkey(self, path: str, r1cs: str = "") -> str:
        """Validate a ``.zkey``, unless one of its contents has been before, store it as a key, and return its id.

        Parameters
        ----------
        r1cs
            The circuit's ``.r1cs``: the key is compared with it, and every witness will be checked against every
            constraint before it is proved. Without it a wrong witness is found out by its proof.

        Raises
        ------
        BadInput
            Naming what is wrong with a file, or how they differ.
        """
        return self._intake.add_zkey(path, r1cs)

    @ray.method(max_task_retries=_REPEATABLE)
    def pin_key(self, key_id: str, pinned: bool) -> None:
        """Make a key ready and keep it so, however many others are used; or let it go when its time comes.

        Raises
        ------
        KeyNotFound, BadInput
            If there is no such key, or it is damaged.
        """
        if pinned:
            self._keys.load(key_id)
        self._keys.pin(key_id, pinned=pinned)

    @ray.method(max_task_retries=_REPEATABLE)
    def forget_key(self, key_id: str) -> None:
        """Let go of a key; the next job that needs it asks the vault again."""
        self._keys.forget(key_id)

    def release_key(self, key_id: str) -> None:
        """Let go of a key, unless it is pinned: for FastPath, which sees all workers, it is not worth its memory."""
        self._keys.release(key_id)

    def probe(self) -> None:
        """Prove and verify what is known to be true, on every curve; returns only when that succeeded.

        Raises
        ------
        DeviceFault
            If it did not.
        """
        for curve in self._curves:
            warm_up(curve, self._backend)

    def steps(self, job_ids: Sequence[str]) -> dict[str, str]:
        """Return the phase (:class:`prover.groth16.Phase`) that each of these jobs is in, of those that are proved."""
        return self._jobs(job_ids)

    # --- state

    def health(self) -> dict[str, Any]:
        """Return once it can work: name, pid, backend, threads, pool statistics, jobs it has, proofs it made, its GPU.

        ``thread_rates`` is what its threads got done when it started, by how many worked, see
        :mod:`prover.thread_rates`.

        Raises
        ------
        DeviceFault
            If the kernels did not pass their first proof.
        """
        for curve in self._curves:
            self._kernels.await_curve(curve)
        pool = self._pool.stats()
        return {
            "name": self._name,
            "pid": os.getpid(),
            "backend": self._backend.name,
            "threads": self._pool.threads,
            "thread_rates": self._thread_rates(),
            "cpus": usable_cpus(),
            "pool_tasks": pool.tasks,
            "pool_average_ms": pool.average_ms,
            "jobs": len(self._jobs),
            "proofs": self._prover.proofs,
            "uptime_s": self._kernels.uptime_s,
            "kernels": len(self._kernels),
            "gpu": asdict(self._backend.health()) if isinstance(self._backend, DeviceBackend) else None,
        }

    def _thread_rates(self) -> dict[int, float]:
        backend = trusted_backend(self._backend)
        return self._rates.get("rates", lambda: measure_thread_rates(self._pool, backend, self._curves[0]))

    def progress(self) -> dict[str, Any]:
        """How far making the kernels ready has come; answers at once.

        ``kernels`` counts those that are ready, ``compiled`` those among them that were not read from disk, and
        ``latest`` names the last.
        """
        return self._kernels.progress()

    def _warm_up(self) -> None:
        for curve in self._curves:
            try:
                self._kernels.await_curve(curve)
            except Exception:  # noqa: BLE001 - health() raises it again, to whoever asks
                _log.exception("the kernels of %s did not become ready", curve)
        self._load_pinned()

    def _load_pinned(self) -> None:
        """Have the pinned keys at hand again after a restart."""
        try:
            for key_id in self._vault.pinned():
                self._keys.load(key_id)
                self._keys.pin(key_id, pinned=True)
        except Exception:  # noqa: BLE001 - the first job that needs a key asks for it again
            _log.exception("the pinned keys are not all at hand")


def _array(reference: Any) -> Any:  # noqa: ANN401 - a reference to whatever its submitter put there
    """A batch's array, or why it is not there: that must not fail the other batches' jobs."""
    try:
        return ray.get(reference, timeout=_WITNESS_TIMEOUT_S)
    except ObjectLostError:
        return BadInput("the witnesses are gone with the client that submitted them; submit them again")
    except GetTimeoutError:
        return DeviceFault(f"the witnesses did not arrive within {_WITNESS_TIMEOUT_S:g} s; submit them again")


def actor_class(worker: type[ProverWorker]) -> Any:  # noqa: ANN401 - likewise
    """The class of its actors: tables are made on a thread that no other call can take from them."""
    decorate: Any = ray.remote(concurrency_groups={TABLES_GROUP: 1})  # type: ignore[call-overload]  # Ray takes it
    return decorate(worker)


def start(
    name: str,
    namespace: str,
    vault: VaultCalls,
    *,
    threads: int,
    key_directory: Path,
    backend: str = "auto",
    cpus: Sequence[int] = (),
    gpus: int = 0,
    control_name: str = "",
    detached: bool = False,
) -> Any:  # noqa: ANN401 - Ray's handles have no static type
    """Start a worker as a named actor and return its handle at once; its ``health`` answers when it can work.

    Ray restarts it whenever it dies, and reruns nothing: FastPath does that.
    """
    control = (control_name, namespace)
    arguments = (name, vault, threads, str(key_directory), backend)
    return (
        actor_class(ProverWorker)
        .options(
            name=name,
            namespace=namespace,
            lifetime="detached" if detached else None,
            num_gpus=gpus,  # Ray shows the worker this GPU alone
            num_cpus=0,  # threads are counted by PROVER_THREADS; Ray would wait for CPUs that its node lacks
            max_restarts=-1,
            max_task_retries=0,
            max_concurrency=_CONCURRENT_CALLS,
        )
        .remote(*arguments, cpus=tuple(cpus), gpus=gpus, control=control)
    )
