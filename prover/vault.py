"""The vault that keys come from, as a worker sees it. What of it needs Ray is behind :class:`VaultCalls`."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from prover.errors import DeviceFault
from prover.groth16.keys import ProvingKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prover.table_store import TableIdentity

_log = logging.getLogger(__name__)

_KEY_ATTEMPTS: Final = 5
_KEY_RETRY_S: Final = 0.5
_TIMEOUT_S: Final = 120.0
_GLANCE_S: Final = 1.0
"""That a job waits for the vault's word on tables: it can do without them."""


class Unreachable(Exception):  # noqa: N818 - its callers try again
    """The vault does not answer now."""


class Lost(Exception):  # noqa: N818 - as above
    """An object is gone with the process that made or owned it."""


class VaultCalls(Protocol):
    """Calls to the vault, and to the object store. A reference is whatever names an object there."""

    def call(self, method: str, *arguments: Any, timeout_s: float) -> Any:  # noqa: ANN401 - as the method
        """Call a method of the vault and return its result, or raise what it raised.

        Raises
        ------
        Unreachable
            If there is no answer in time.
        """
        ...

    def send(self, method: str, *arguments: Any) -> None:  # noqa: ANN401 - as the method
        """Call a method of the vault and go on; it need not hear."""
        ...

    def get(self, references: Sequence[Any], timeout_s: float) -> list[Any]:
        """Map objects, or raise what was raised instead of making them.

        Raises
        ------
        Lost
            If one cannot be had.
        """
        ...

    def arrives(self, reference: Any, timeout_s: float) -> bool:  # noqa: ANN401 - a reference
        """Wait until an object, or an error in its place, is there; return whether it is."""
        ...

    def name(self, reference: Any) -> str:  # noqa: ANN401 - a reference
        """Name of an object."""
        ...

    @property
    def node(self) -> str:
        """Name of the machine that this process shares objects with."""
        ...


class Vault:
    """Asks the vault on behalf of the worker of some name.

    Its objects are gone while the vault is restarted, and are there again afterwards.
    """

    def __init__(self, calls: VaultCalls, worker: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._calls, self._worker, self._sleep = calls, worker, sleep
        self.arrives, self.name = calls.arrives, calls.name

    def key(self, key_id: str) -> ProvingKey:
        """Map a key's arrays.

        Raises
        ------
        KeyNotFound, BadInput
            If there is no such key, or it is damaged.
        DeviceFault
            If the vault is not there.
        """
        for attempt in range(_KEY_ATTEMPTS):
            try:
                manifest, references = self._calls.call("get", key_id, timeout_s=_TIMEOUT_S)
                arrays = self._calls.get([reference for (reference,) in references.values()], _TIMEOUT_S)
            except (Unreachable, Lost) as error:
                _log.warning("key %s is not available (%s)", key_id[:16], error)
                self._sleep(_KEY_RETRY_S * (attempt + 1))
            else:
                return ProvingKey.from_arrays(manifest, dict(zip(references, arrays, strict=True)))
        raise DeviceFault(f"key {key_id} could not be fetched from the vault; look at its log")

    def pinned(self) -> list[str]:
        """Ids of the pinned keys."""
        pinned: list[str] = self._calls.call("pinned", timeout_s=_TIMEOUT_S)
        return pinned

    def tables(self, wanted: TableIdentity, held: Mapping[str, int], lost: str, *, patient: bool) -> Any | None:  # noqa: ANN401 - a reference
        """Return a reference to tables, there or coming; None if there will be none.

        Parameters
        ----------
        held
            Names of the objects that this process uses or waits for, with their bytes: the vault keeps accounts.
        lost
            Name of an object that turned out to be lost, or not what it should be; empty for none.
        patient
            Whether the caller has time.
        """
        timeout_s = _TIMEOUT_S if patient else _GLANCE_S
        arguments = (wanted, self._worker, self._calls.node, dict(held), lost)
        references = self._calls.call("tables", *arguments, timeout_s=timeout_s)
        return references[0] if references else None

    def report(self, held: Mapping[str, int], lost: str = "") -> None:
        """Tell the vault the same without asking for anything."""
        self._calls.send("tables_held", self._worker, self._calls.node, dict(held), lost)

    def take(self, reference: Any) -> object:  # noqa: ANN401 - a reference
        """Map an object that has arrived.

        Raises
        ------
        Lost
            If it is gone, or who was to make it.
        """
        return self._calls.get([reference], _TIMEOUT_S)[0]
