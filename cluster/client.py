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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import numpy as np
import ray

from cluster.batch import Batch
from cluster.calls import answer
from cluster.declarations import ConflictKeys, accesses_of, digest_of
from cluster.service import Actors, LocalService, OnProgress, ServiceInfo, connect, discover
from cluster.settings import Settings, load_settings
from cluster.submitter import Submitter
from fastpath.errors import BadRequest, FastPathError, Unavailable
from fastpath.job import DEFAULT_PRIORITY
from fastpath.statistics import ServiceStats
from fastpath.submission import DEFAULT_TENANT
from kernels.curves import get_curve
from kernels.encoding import Limbs
from prover.circuit import Circuit
from prover.circuits import CIRCUITS, get_circuit
from prover.errors import BadInput, KeyNotFound
from prover.formats.input_json import Inputs, read_inputs
from prover.formats.wtns import read_wtns
from prover.groth16 import KeyMetadata, VerifyingKey
from prover.groth16.keys import domain_size
from prover.key_marks import check_name
from prover.r1cs import validate_shape

if TYPE_CHECKING:
    from prover.witness_calculator import WitnessCalculator

Witness: TypeAlias = "Limbs | Path | str | BadInput"
"""One item of a batch: ``uint64[variables, 4]``, a ``.wtns`` file, or the error of an item that has no witness."""

_HEALTH_TIMEOUT_S: Final = 5.0
_SETUP_TIMEOUT_S: Final = 3600.0
_SETUP_RETRIES: Final = 2
_PASSED_S: Final = 1e-6
"""What is left of a deadline that passed before the batch was submitted: the service says so, job by job."""


@dataclass(frozen=True, eq=False)
class Key:
    """A proving key of the service.

    Attributes
    ----------
    circuit
        The built-in circuit it is for; None when it is for another one.
    """

    key_id: str
    metadata: KeyMetadata
    verifying_key: VerifyingKey = field(repr=False)
    circuit: Circuit | None = None


class Client:
    """A connection to a service. Made by :meth:`local` or :meth:`connect`, ended by :meth:`close` or ``with``.

    One process has one Ray: clients of one process talk to the same cluster.
    """

    def __init__(
        self, actors: Actors, info: ServiceInfo, close: Callable[[], None], tenant: str = DEFAULT_TENANT
    ) -> None:
        self._actors = actors
        self._submitter = Submitter(actors.fastpath)
        self._tenant = tenant
        self._info = info
        self._close = close
        self._keys: dict[str, Key] = {}

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

    # --- keys

    def circuit(self, name: str, curve: str = "bls12_381", **parameters: int) -> Key:
        """Return the service's development key for a built-in circuit, set up the first time on its machine.

        Raises
        ------
        BadInput
            If there is no such circuit, curve or parameter.
        """
        circuit = get_circuit(name, curve, **parameters)
        # Setting up twice gives the same key, so a worker that has just died is no reason to fail.
        setup = self._any_worker.setup_circuit.options(max_task_retries=_SETUP_RETRIES)
        call = setup.remote(name, circuit.curve.name, parameters)
        return self.key(answer(call, _SETUP_TIMEOUT_S))

    def add_key(self, path: Path | str, *, name: str = "", r1cs: Path | str | None = None) -> Key:
        """Add a key to the service: a ``.zkey`` of snarkjs, or a key's folder, readable where the service runs.

        Keys are told apart by what they hold: the same one added twice is one key, and two of the same name are two.

        Parameters
        ----------
        name
            A name for it, besides its id.
        r1cs
            The circuit's ``.r1cs``, for a ``.zkey``, which does not hold all of it. The key is compared with it, and
            then every witness is checked against every constraint before it is proved.

        Raises
        ------
        KeyNotFound
            If the folder is none of a key.
        BadInput
            Naming the file and what is wrong in it, the point that is off the curve or outside its subgroup, or the
            name that is not allowed.
        """
        if name:
            check_name(name)
        path = Path(path).absolute()
        if path.is_dir():
            if r1cs is not None:
                raise BadInput("a key's folder holds its constraints already; r1cs is for a .zkey")
            answer(self._any_worker.validate_key.remote(str(path)), _SETUP_TIMEOUT_S)
            key_id = answer(self._actors.vault.add.remote(str(path)), _SETUP_TIMEOUT_S)
        elif path.exists():
            system = str(Path(r1cs).absolute()) if r1cs is not None else ""
            key_id = answer(self._any_worker.add_zkey.remote(str(path), system), _SETUP_TIMEOUT_S)
        else:
            raise KeyNotFound(f"there is no key at {path}: neither a .zkey nor a key's folder")
        if name:
            answer(self._actors.vault.name.remote(key_id, name))
        return self.key(key_id)

    def find_key_id(self, wanted: str) -> str:
        """Return the id of the one key that an id, the first characters of one, a name or a circuit's name stands for.

        Raises
        ------
        KeyNotFound
            If there is none.
        BadInput
            If there are several, with their ids.
        """
        return str(answer(self._actors.vault.find.remote(wanted)))

    def pin_key(self, key_id: str, *, pinned: bool = True) -> None:
        """Keep a key at hand in every worker, restarts included, however many others are used; or no longer.

        Raises
        ------
        KeyNotFound, BadInput
            If there is no such key, or it is damaged.
        """
        answer(self._actors.vault.pin.remote(key_id, pinned))
        answer([worker.pin_key.remote(key_id, pinned) for worker in self._actors.workers.values()], _SETUP_TIMEOUT_S)

    def warm_key(self, key_id: str) -> None:
        """Have a key at hand in every worker before its first job; again if they have let go of it.

        Raises
        ------
        KeyNotFound, BadInput
            If there is no such key, or it is damaged.
        """
        self._keys.pop(key_id, None)
        self.key(key_id)

    def key(self, key_id: str) -> Key:
        """Return a key that the service has, once all its workers have it at hand.

        Raises
        ------
        KeyNotFound
            If it has no such key.
        BadInput
            If the key is damaged.
        """
        if key_id not in self._keys:
            manifest, references = answer(self._actors.vault.get.remote(key_id), _SETUP_TIMEOUT_S)
            answer([worker.load_key.remote(key_id) for worker in self._actors.workers.values()], _SETUP_TIMEOUT_S)
            return self._keys.setdefault(key_id, _key(key_id, manifest, references))
        return self._keys[key_id]

    def list_keys(self) -> list[dict[str, Any]]:
        """Describe every key the service has, see :meth:`cluster.key_vault.KeyVault.list`."""
        keys: list[dict[str, Any]] = answer(self._actors.vault.list.remote())
        return keys

    def remove_key(self, key_id: str) -> None:
        """Delete a key from the service; jobs that need it and have not begun will fail.

        Raises
        ------
        KeyNotFound
            If it has no such key.
        """
        answer(self._actors.vault.remove.remote(key_id))
        self._keys.pop(key_id, None)
        answer([worker.forget_key.remote(key_id) for worker in self._actors.workers.values()])

    # --- proofs

    def prove_batch(
        self,
        key: Key | str,
        witnesses: Limbs | Sequence[Witness],
        *,
        deadline_s: float | None = None,
        priority: int = DEFAULT_PRIORITY,
        submitter: str = "",
        conflict_keys: ConflictKeys | None = None,
        idempotency_key: str = "",
        retry_for_s: float = 0.0,
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
        deadline_s
            Seconds from now after which proofs are not wanted any more.
        priority
            0 to 9; the higher goes first among jobs of equal deadline.
        submitter
            Shown to whoever looks at the queue.
        conflict_keys
            For each item the names of shared state that it writes, or an :class:`~fastpath.conflicts.Access`. Items
            that conflict, in any batch of the tenant, are proved one after the other in the order of submission.
        idempotency_key
            The same batch submitted again under the same key is the same batch, as long as its results are kept.
        retry_for_s
            How long to come back by itself when the service is overloaded, see :mod:`cluster.submitter`.

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
        key = self.key(key) if isinstance(key, str) else key
        well_formed, refused = _well_formed(witnesses, key.metadata)
        count = len(well_formed) + len(refused)
        if not count:
            raise BadInput("a batch needs at least one witness")
        if not len(well_formed):
            return Batch(self._actors.fastpath, count, refused, "", ())
        accesses = accesses_of(conflict_keys, count)
        try:
            receipt = self._submitter.submit(
                key.key_id,
                [ray.put(well_formed)],
                len(well_formed),
                well_formed[0].nbytes,
                deadline_s=deadline_s,
                retry_for_s=retry_for_s,
                priority=priority,
                submitter=submitter,
                tenant=self._tenant,
                domain_size=domain_size(key.metadata.constraints, key.metadata.public),
                accesses=tuple(access for index, access in enumerate(accesses) if index not in refused),
                idempotency_key=idempotency_key,
                digest=digest_of(idempotency_key, key.key_id, well_formed),
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
        deadline_s: float | None = None,
        priority: int = DEFAULT_PRIORITY,
        submitter: str = "",
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
        deadline_s, priority, submitter
            As in :meth:`prove_batch`; the deadline counts from this call.

        Raises
        ------
        BadInput
            If the calculator is none, or for another circuit than the key; and as :meth:`prove_batch`.
        KeyNotFound, Overloaded, Unavailable
            As :meth:`prove_batch`.
        """
        from prover.witness_calculator import WitnessCalculator  # noqa: PLC0415 - WebAssembly is needed only here

        started = time.monotonic()
        key = self.key(key) if isinstance(key, str) else key
        batch = read_inputs(inputs) if isinstance(inputs, Path | str) else inputs
        if not isinstance(calculator, WitnessCalculator):
            calculator = WitnessCalculator.open(calculator)
        calculator.check_key(key.metadata)
        witnesses = calculator.each(batch, threads)
        if deadline_s is not None:
            deadline_s = max(deadline_s - (time.monotonic() - started), min(deadline_s, _PASSED_S))
        return self.prove_batch(key, witnesses, deadline_s=deadline_s, priority=priority, submitter=submitter)

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

    @property
    def _any_worker(self) -> Any:  # noqa: ANN401 - Ray's handles have no static type
        return next(iter(self._actors.workers.values()))


def _is_connected_to(address: str) -> bool:
    """Whether this process' Ray is the one at an address; Ray itself names the one on loopback by another address."""
    connected = ray.get_runtime_context().gcs_address
    host, _, port = address.rpartition(":")
    return connected == address or (host == "127.0.0.1" and connected.endswith(f":{port}"))


def _leave() -> None:
    """Nothing to end: Ray belongs to someone else."""


def _key(key_id: str, manifest: Mapping[str, Any], references: Mapping[str, list[Any]]) -> Key:
    metadata = KeyMetadata(**{part.name: manifest[part.name] for part in fields(KeyMetadata)})
    names = [part.name for part in fields(VerifyingKey) if part.name != "curve"]
    points = dict(zip(names, answer([references[name][0] for name in names]), strict=True))
    circuit = None
    if metadata.circuit in CIRCUITS:
        circuit = get_circuit(metadata.circuit, metadata.curve, **metadata.parameters)
    return Key(key_id, metadata, VerifyingKey(get_curve(metadata.curve), **points), circuit)


def _well_formed(witnesses: Limbs | Sequence[Witness], key: KeyMetadata) -> tuple[Limbs, dict[int, BadInput]]:
    """The items that have the form of a witness as one array, and the errors of the others by index."""
    variables = key.variables
    if isinstance(witnesses, np.ndarray):
        array = np.ascontiguousarray(witnesses)
        if array.ndim == 3 and not len(array):
            return array, {}
        validate_shape(array, (None, variables, 4), "a batch of witnesses for this key")
        return array, {}
    kept: list[Limbs] = []
    refused: dict[int, BadInput] = {}
    for index, witness in enumerate(witnesses):
        try:
            item = _limbs(witness, key)
            validate_shape(item, (variables, 4), f"item {index}: a witness for this key")
            kept.append(item)
        except BadInput as error:
            refused[index] = error
    return (np.stack(kept) if kept else np.empty((0, variables, 4), np.uint64)), refused


def _limbs(witness: Witness, key: KeyMetadata) -> Limbs:
    if isinstance(witness, BadInput):
        raise witness
    if isinstance(witness, Path | str):
        given = read_wtns(witness)
        if given.curve.name != key.curve:
            raise BadInput(f"{witness}: the witness is over the scalars of {given.curve.name}, the key on {key.curve}")
        return given.witness
    return np.ascontiguousarray(witness) if isinstance(witness, np.ndarray) else witness
