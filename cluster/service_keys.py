"""The keys of a service, as its clients see and change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from cluster.calls import answer
from cluster.service import Actors
from kernels.curves import get_curve
from prover.circuit import Circuit
from prover.circuits import CIRCUITS, get_circuit
from prover.errors import BadInput, KeyNotFound
from prover.groth16 import KeyMetadata, VerifyingKey
from prover.key_marks import check_name

_SETUP_TIMEOUT_S: Final = 3600.0
_SETUP_RETRIES: Final = 5  # a restart may use up several: while the connection breaks, and until the process is there


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


class ServiceKeys:
    """What :class:`cluster.client.Client` offers for keys.

    Parameters
    ----------
    actors
        Of the service.
    """

    def __init__(self, actors: Actors) -> None:
        self._actors = actors
        self._keys: dict[str, Key] = {}

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

    @property
    def _any_worker(self) -> Any:  # noqa: ANN401 - Ray's handles have no static type
        return next(iter(self._actors.workers.values()))


def _key(key_id: str, manifest: Mapping[str, Any], references: Mapping[str, list[Any]]) -> Key:
    metadata = KeyMetadata(**{part.name: manifest[part.name] for part in fields(KeyMetadata)})
    names = [part.name for part in fields(VerifyingKey) if part.name != "curve"]
    points = dict(zip(names, answer([references[name][0] for name in names]), strict=True))
    circuit = None
    if metadata.circuit in CIRCUITS:
        circuit = get_circuit(metadata.circuit, metadata.curve, **metadata.parameters)
    return Key(key_id, metadata, VerifyingKey(get_curve(metadata.curve), **points), circuit)
