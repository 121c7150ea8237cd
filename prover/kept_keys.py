"""The keys that a worker has at hand, with what its backend derives from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prover.computed_once import ComputedOnce
from prover.groth16.prepare import make_shared_tables, pin_prepared, prepare, prepare_rows, release_prepared
from prover.groth16.prove_rows import MOST_CONSTRAINTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernels.backend import Backend
    from prover.groth16 import ProvingKey
    from prover.ready_kernels import ReadyKernels
    from prover.table_store import SharedTables, TableIdentity
    from prover.vault_tables import VaultTables

_KEYS: Final = 16


class KeptKeys:
    """Keys by id, the last sixteen and those that are pinned. Safe to share between threads.

    Parameters
    ----------
    fetch
        Gets a key by its id.
    tables
        Where the workers of this machine share the keys' tables.
    """

    def __init__(
        self, backend: Backend, kernels: ReadyKernels, fetch: Callable[[str], ProvingKey], tables: VaultTables
    ) -> None:
        self._backend, self._kernels, self._fetch, self.tables = backend, kernels, fetch, tables
        self._keys: ComputedOnce[str, ProvingKey] = ComputedOnce(_KEYS)

    def get(self, key_id: str) -> ProvingKey:
        """Return a key, with its curve's kernels ready."""
        key = self._keys.get(key_id, lambda: self._fetch(key_id))
        self._kernels.await_curve(key.curve.name)
        return key

    def prepare(self, key: ProvingKey) -> None:
        """Derive what a job needs of a key, and wait for nothing."""
        prepare(key, self._backend, tables=self.tables)

    def load(self, key_id: str) -> None:
        """Have all at hand that a proof needs, tables included: nobody waits for this but who prepares for jobs."""
        key = self.get(key_id)
        prepare(key, self._backend, tables=self.tables, wait=True)
        if key.domain_size <= MOST_CONSTRAINTS:
            prepare_rows(key, self._backend, self.tables, wait=True)
        self.tables.report()  # a vault that was restarted has not heard yet of what is at hand already

    def make_tables(self, wanted: TableIdentity) -> SharedTables:
        """Make tables for all workers of this machine.

        Raises
        ------
        BadInput
            If they would not be the ones wanted.
        """
        return make_shared_tables(self.get(wanted.key_id), self._backend, wanted)

    def pin(self, key_id: str, *, pinned: bool) -> None:
        """Keep a key, loaded or yet to be, however many others are used; or no longer."""
        self._keys.pin(key_id, pinned=pinned)
        pin_prepared(key_id, self._backend, pinned=pinned)

    def forget(self, key_id: str) -> None:
        """Let go of a key and its tables, even if it is pinned."""
        self.pin(key_id, pinned=False)
        self.release(key_id)

    def release(self, key_id: str) -> None:
        """Let go of a key and its tables, unless it is pinned."""
        self._keys.release(key_id)
        release_prepared(key_id, self._backend)
        self.tables.report()
