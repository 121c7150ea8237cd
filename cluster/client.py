"""What a user's program talks to.

Examples
--------
::

    with Client.local() as client:
        key = client.circuit("ringct", depth=3, inputs=2, outputs=2)
        batch = client.prove_batch(key, key.circuit.random_witnesses(64))
        for job in batch.as_completed(progress=True):
            print(job.index, job.error or job.proof)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, Unpack

import ray

from cluster.batch import Batch
from cluster.batch_options import BatchOptions, complete
from cluster.batch_witnesses import Witness, well_formed
from cluster.calls import answer
from cluster.declarations import accesses_of, digest_of
from cluster.service import Actors, LocalService, OnProgress, ServiceInfo, connect, discover
from cluster.service_keys import Key, ServiceKeys
from cluster.settings import Settings, load_settings
from cluster.submitter import Submitter
from fastpath.errors import BadRequest, FastPathError, Unavailable
from fastpath.statistics import ServiceStats
from fastpath.submission import DEFAULT_TENANT
from kernels.encoding import Limbs
from prover.errors import BadInput
from prover.formats.input_json import Inputs, read_inputs
from prover.groth16.keys import domain_size

if TYPE_CHECKING:
    from prover.witness_calculator import WitnessCalculator

_HEALTH_TIMEOUT_S: Final = 5.0
_PASSED_S: Final = 1e-6
"""What is left of a deadline that passed before the batch was submitted: the service says so, job by job."""


class Client(ServiceKeys):
    """A connection to a service. Made by :meth:`local` or :meth:`connect`, ended by :meth:`close` or ``with``.

    One process has one Ray: clients of one process talk to the same cluster.
    """

    def __init__(
        self, actors: Actors, info: ServiceInfo, close: Callable[[], None], tenant: str = DEFAULT_TENANT
    ) -> None:
        super().__init__(actors)
        self._submitter = Submitter(actors.fastpath)
        self._tenant = tenant
        self._info = info
        self._close = close

    @classmethod
    def local(cls, settings: Settings | None = None, on_progress: OnProgress | None = None) -> Self:
        """Start a service in this process' own Ray; it ends with the client.

        Raises
        ------
        Unavailable
            If it does not start within ``settings.start_timeout_s``.
        """
        settings = settings or load_settings()
        service = LocalService(settings, on_progress)
        return cls(service.actors, service.info, service.stop, settings.tenant)

    @classmethod
    def connect(
        cls, address: str | None = None, namespace: str | None = None, settings: Settings | None = None
    ) -> Self:
        """Connect to a running service.

        Parameters
        ----------
        address
            ``host:port`` of its Ray head; None finds the one that ``fastpath-prover up`` started on this machine.
        namespace
            None takes the one found with it, else that of the settings.

        Raises
        ------
        Unavailable
            If there is none.
        """
        settings = settings or load_settings()
        found = discover(settings)
        if address is None:
            if found is None:
                raise Unavailable("no service runs on this machine; start one with `fastpath-prover up`")
            address, namespace = found.address, namespace or found.namespace
        namespace = namespace or settings.namespace
        info = found if found is not None and found.address == address else ServiceInfo(address=address, namespace="")
        joined = not ray.is_initialized()
        if joined:
            connect(address, namespace, token_path=info.token_path)
        elif not _is_connected_to(address):
            raise Unavailable(f"this process is connected to another Ray than {address}; close that client first")
        close = ray.shutdown if joined else _leave
        try:
            actors = Actors.find(namespace)
        except BaseException:
            close()
            raise
        info = replace(info, namespace=namespace, metrics_address=actors.metrics_address)
        return cls(actors, info, close, settings.tenant)

    def close(self) -> None:
        """Disconnect; a local service ends."""
        close, self._close = self._close, _leave
        close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # --- proofs

    def prove_batch(
        self, key: Key | str, witnesses: Limbs | Sequence[Witness], **options: Unpack[BatchOptions]
    ) -> Batch:
        """Submit a batch; its proofs are fetched from what is returned.

        Parameters
        ----------
        key
            A key, or the id of one.
        witnesses
            ``uint64[batch, variables, 4]``, standard form; or a sequence of ``uint64[variables, 4]`` and of paths of
            ``.wtns`` files, in which an item of another form fails alone; an error in place of a witness is that
            item's error.
        options
            See :class:`cluster.batch_options.BatchOptions`.

        Raises
        ------
        BadInput
            If the batch is empty, over the service's limit, or an array of the wrong form, or a parameter is wrong.
        KeyNotFound
            If there is no such key.
        Overloaded
            If the queue has no room; ``retry_after_s`` says when to come back.
        Unavailable
            If the service is gone or takes no work.
        """
        chosen = complete(options, self._tenant)
        key = self.key(key) if isinstance(key, str) else key
        array, refused = well_formed(witnesses, key.metadata)
        count = len(array) + len(refused)
        if not count:
            raise BadInput("a batch needs at least one witness")
        if not len(array):
            return Batch(self._actors.fastpath, count, refused, "", ())
        accesses = accesses_of(chosen["conflict_keys"], count)
        try:
            receipt = self._submitter.submit(
                key.key_id,
                [ray.put(array)],
                len(array),
                array[0].nbytes,
                deadline_s=chosen["deadline_s"],
                retry_for_s=chosen["retry_for_s"],
                priority=chosen["priority"],
                submitter=chosen["submitter"],
                tenant=chosen["tenant"],
                domain_size=domain_size(key.metadata.constraints, key.metadata.public),
                accesses=tuple(access for index, access in enumerate(accesses) if index not in refused),
                idempotency_key=chosen["idempotency_key"],
                digest=digest_of(chosen["idempotency_key"], key.key_id, array),
            )
        except BadRequest as error:
            raise BadInput(str(error)) from None
        return Batch(self._actors.fastpath, count, refused, receipt.batch_id, receipt.job_ids)

    def prove_inputs(
        self,
        key: Key | str,
        calculator: WitnessCalculator | Path | str,
        inputs: Sequence[Inputs] | Path | str,
        *,
        threads: int = 1,
        **options: Unpack[BatchOptions],
    ) -> Batch:
        """Compute the witnesses of a circom circuit here, then submit them as a batch.

        Parameters
        ----------
        key
            A key of the circuit, or the id of one.
        calculator
            The circuit's ``.wasm``, or a :class:`~prover.witness_calculator.WitnessCalculator`, which may have limits
            of its own.
        inputs
            Values by input signal, one mapping for each witness; or a JSON file that holds one or a list of them. An
            item whose inputs are wrong, or violate a constraint, fails alone.
        threads
            That compute witnesses, in this process.
        options
            As for :meth:`prove_batch`; the deadline counts from this call.

        Raises
        ------
        BadInput
            If the calculator is none, or for another circuit than the key; and as :meth:`prove_batch`.
        KeyNotFound, Overloaded, Unavailable
            As :meth:`prove_batch`.
        """
        from prover.witness_calculator import WitnessCalculator  # noqa: PLC0415 - WebAssembly is needed only here

        started = time.monotonic()
        chosen = complete(options, self._tenant)
        key = self.key(key) if isinstance(key, str) else key
        batch = read_inputs(inputs) if isinstance(inputs, Path | str) else inputs
        if not isinstance(calculator, WitnessCalculator):
            calculator = WitnessCalculator.open(calculator)
        calculator.check_key(key.metadata)
        witnesses = calculator.each(batch, threads)
        deadline_s = chosen["deadline_s"]
        if deadline_s is not None:
            chosen["deadline_s"] = max(deadline_s - (time.monotonic() - started), min(deadline_s, _PASSED_S))
        return self.prove_batch(key, witnesses, **chosen)

    # --- the service

    def stats(self) -> ServiceStats:
        """What the service has done so far."""
        stats: ServiceStats = answer(self._actors.fastpath.stats.remote())
        return stats

    def service_info(self) -> ServiceInfo:
        """Where the service, its dashboard and its metrics are."""
        return self._info

    def workers(self) -> list[dict[str, Any]]:
        """Describe every worker: its :meth:`prover.worker.ProverWorker.health`, and what FastPath counts of it.

        ``alive`` is false, and only FastPath's part is there, while one does not answer.
        """
        described = []
        for counted in self.stats().workers:
            of_fastpath = {part.name: getattr(counted, part.name) for part in fields(counted)}
            try:
                health = answer(self._actors.workers[counted.name].health.remote(), _HEALTH_TIMEOUT_S)
            except FastPathError:
                health = {"alive": False}
            described.append({**of_fastpath, **health})
        return described


def _is_connected_to(address: str) -> bool:
    """Whether this process' Ray is the one at an address; Ray itself names the one on loopback by another address."""
    connected = ray.get_runtime_context().gcs_address
    host, _, port = address.rpartition(":")
    return connected == address or (host == "127.0.0.1" and connected.endswith(f":{port}"))


def _leave() -> None:
    """Nothing to end: Ray belongs to someone else."""
