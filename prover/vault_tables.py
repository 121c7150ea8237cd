"""The tables that the workers of a machine share, as one worker sees them.

A vault (:mod:`cluster.key_vault`) knows which tables lie in the machine's object store. Of a worker that asks first it
asks the tables back, as the result of a call: so the vault owns them though the worker makes them, they outlive the
worker, and a worker that dies over it turns the reference that all others wait for into an error. That reference is all
there is to a lock; nothing has to expire.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prover.errors import ProverError
from prover.table_store import Coming
from prover.vault import Lost, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from prover.table_store import TableIdentity
    from prover.vault import Vault

_log = logging.getLogger(__name__)

_LOSSES: Final = 3
"""Tables lost one after the other for which a worker asks again."""

_UNREACHABLE: Final = 10
"""Times that whoever waits tries to reach the vault: it is back within two seconds when it is restarted."""

_RETRY_S: Final = 1.0
_WAIT_S: Final = 5.0
"""Between two questions of one who waits: a vault that was restarted knows nothing of tables promised before."""


@dataclass(frozen=True)
class _Mapped:
    digest: str
    size_bytes: int
    arrays: tuple[weakref.ref[npt.NDArray[np.uint64]], ...]

    @property
    def in_use(self) -> bool:
        return any(array() is not None for array in self.arrays)


class VaultTables:
    """Implements :class:`prover.table_store.TableStore`."""

    def __init__(
        self,
        vault: Vault,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._vault, self._clock, self._sleep = vault, clock, sleep
        self._lock = threading.Lock()
        self._coming: dict[str, tuple[Any, int]] = {}
        self._mapped: dict[str, _Mapped] = {}
        self._asking: set[str] = set()
        self._reachable_at = 0.0

    def get(self, wanted: TableIdentity, *, wait: bool) -> object:
        """See :meth:`prover.table_store.TableStore.get`."""
        try:
            return self._awaited(wanted) if wait else self._at_once(wanted)
        except ProverError as error:
            _log.warning("key %s has no shared tables: %s", wanted.key_id[:16], error)
            return None

    def refuse(self, wanted: TableIdentity) -> None:
        """See :meth:`prover.table_store.TableStore.refuse`."""
        with self._lock:
            self._coming.pop(wanted.digest, None)
            names = [name for name, mapped in self._mapped.items() if mapped.digest == wanted.digest]
        for name in names:
            self._vault.report(self.held(), name)

    def report(self) -> None:
        """Tell the vault what is still in use here."""
        self._vault.report(self.held())

    def held(self) -> dict[str, int]:
        """Names and bytes of the objects that this process uses or waits for."""
        with self._lock:
            self._mapped = {name: mapped for name, mapped in self._mapped.items() if mapped.in_use}
            coming = {self._vault.name(reference): size for reference, size in self._coming.values()}
            return {**coming, **{name: mapped.size_bytes for name, mapped in self._mapped.items()}}

    def _at_once(self, wanted: TableIdentity) -> object:
        """What there is now, for a job: it asks once, and then only looks whether what was promised has arrived."""
        with self._lock:
            reference, _ = self._coming.get(wanted.digest, (None, 0))
            if wanted.digest in self._asking or (reference is None and self._clock() < self._reachable_at):
                return Coming.COMING
            self._asking.add(wanted.digest)  # meanwhile the jobs of other threads go on
        try:
            return self._looked_up(wanted, reference)
        except Unreachable:
            self._reachable_at = self._clock() + _RETRY_S
            return Coming.COMING
        finally:
            self._asking.discard(wanted.digest)

    def _looked_up(self, wanted: TableIdentity, reference: Any | None) -> object:  # noqa: ANN401 - a reference
        lost = ""
        for _ in range(_LOSSES):
            reference = reference or self._ask(wanted, lost, patient=False)
            if reference is None:
                return None
            if not self._vault.arrives(reference, 0.0):
                return Coming.COMING
            try:
                return self._take(wanted, reference)
            except Lost:
                lost, reference = self._vault.name(reference), None
        return None

    def _awaited(self, wanted: TableIdentity) -> object:
        lost, losses, unreachable = "", 0, 0
        while losses < _LOSSES and unreachable < _UNREACHABLE:
            try:
                reference = self._ask(wanted, lost, patient=True)
            except Unreachable:
                unreachable += 1
                self._sleep(_RETRY_S)
                continue
            lost, unreachable = "", 0
            if reference is None:
                return None
            if not self._vault.arrives(reference, _WAIT_S):
                continue
            try:
                return self._take(wanted, reference)
            except Lost:
                lost, losses = self._vault.name(reference), losses + 1
        return None

    def _ask(self, wanted: TableIdentity, lost: str, *, patient: bool) -> Any | None:  # noqa: ANN401 - a reference
        reference = self._vault.tables(wanted, self.held(), lost, patient=patient)
        with self._lock:
            if reference is None:
                self._coming.pop(wanted.digest, None)
            else:
                self._coming[wanted.digest] = reference, wanted.size_bytes
        return reference

    def _take(self, wanted: TableIdentity, reference: Any) -> object:  # noqa: ANN401 - a reference
        name = self._vault.name(reference)
        try:
            found = self._vault.take(reference)
        except ProverError:
            self._vault.report(self.held(), name)
            raise
        finally:
            with self._lock:
                self._coming.pop(wanted.digest, None)
        arrays = found[1] if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], dict) else {}
        watched = tuple(weakref.ref(array) for array in arrays.values() if hasattr(array, "__array_interface__"))
        with self._lock:
            before = self._mapped[name].arrays if name in self._mapped else ()
            self._mapped[name] = _Mapped(wanted.digest, wanted.size_bytes, before + watched)
        return found
