"""The tables of keys that nodes share (:mod:`cluster.key_vault`), as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import ray
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from ray.exceptions import RayError

from cluster.key_vault import ACTOR_NAME
from cluster.metric_families import counter, gauges

_TIMEOUT_S: Final = 2.0
"""A scrape waits no longer for the vault."""


class TableCollector(Collector):
    """Asks the vault once for every scrape; there are no samples while it does not answer.

    Parameters
    ----------
    ask_vault
        Returns :meth:`cluster.key_vault.KeyVault.health`, or nothing; called on the thread that serves the scrape.
    """

    def __init__(self, ask_vault: Callable[[], Mapping[str, Any]]) -> None:
        self._ask_vault = ask_vault

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family of tables."""
        health = self._ask_vault()
        if health:
            used, limit = health["table_bytes"], health["table_bytes_limit"]
            yield gauges("fastpath_table_bytes", "Shared tables of keys in the node's object store.", "node", used)
            yield gauges("fastpath_table_bytes_limit", "Most that they may take, see table_mib.", "node", limit)
            yield counter("fastpath_made_tables", "Times that shared tables were made.", health["tables_made"])


def vault_health(namespace: str) -> Mapping[str, Any]:
    """Ask the vault of a namespace; nothing if it does not answer."""
    try:
        vault: Any = ray.get_actor(ACTOR_NAME, namespace=namespace)
        health: dict[str, Any] = ray.get(vault.health.remote(), timeout=_TIMEOUT_S)
    except (ValueError, RayError):  # ValueError: no such actor
        return {}
    return health
