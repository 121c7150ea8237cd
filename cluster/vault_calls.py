"""How workers reach the key vault and the object store."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, ObjectLostError, RayActorError, RayTaskError

from prover.errors import DeviceFault, ProverError
from prover.vault import Lost, Unreachable


@dataclass(frozen=True)
class RayVaultCalls:
    """Implements :class:`prover.vault.VaultCalls`. An argument of workers, so it holds names alone.

    Attributes
    ----------
    actor, namespace
        Names of the vault.
    """

    actor: str
    namespace: str

    @property
    def node(self) -> str:
        """Id of the Ray node of this process."""
        return str(ray.get_runtime_context().get_node_id())

    def call(self, method: str, *arguments: Any, timeout_s: float) -> Any:  # noqa: ANN401
        """See :meth:`prover.vault.VaultCalls.call`."""
        try:
            return ray.get(self._method(method).remote(*arguments), timeout=timeout_s)
        except RayTaskError as error:  # first: it may be a RayActorError as well
            raise error.cause from None
        except (RayActorError, GetTimeoutError, ValueError) as error:  # ValueError: no such actor
            raise Unreachable(type(error).__name__) from None

    def send(self, method: str, *arguments: Any) -> None:  # noqa: ANN401
        """See :meth:`prover.vault.VaultCalls.send`."""
        with contextlib.suppress(RayActorError, ValueError):
            self._method(method).remote(*arguments)

    def get(self, references: Sequence[Any], timeout_s: float) -> list[Any]:
        """See :meth:`prover.vault.VaultCalls.get`."""
        try:
            return list(ray.get(list(references), timeout=timeout_s))
        except RayTaskError as error:
            if isinstance(error.cause, ProverError):
                raise error.cause from None
            raise DeviceFault(f"another worker failed ({type(error.cause).__name__}); see its log") from None
        except (RayActorError, ObjectLostError, GetTimeoutError) as error:
            raise Lost(type(error).__name__) from None

    def arrives(self, reference: Any, timeout_s: float) -> bool:  # noqa: ANN401
        """See :meth:`prover.vault.VaultCalls.arrives`."""
        return bool(ray.wait([reference], timeout=timeout_s)[0])

    def name(self, reference: Any) -> str:  # noqa: ANN401
        """See :meth:`prover.vault.VaultCalls.name`."""
        return str(reference.hex())

    def _method(self, name: str) -> Any:  # noqa: ANN401
        return getattr(ray.get_actor(self.actor, namespace=self.namespace), name)
