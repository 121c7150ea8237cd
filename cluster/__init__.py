"""What a user deploys and calls: the client, the service, the command line, the metrics."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster.batch import Batch, Job
    from cluster.client import Client
    from cluster.service import ServiceInfo
    from cluster.service_keys import Key
    from cluster.settings import Settings

_HOMES = {
    "Batch": "cluster.batch",
    "Client": "cluster.client",
    "Job": "cluster.batch",
    "Key": "cluster.service_keys",
    "ServiceInfo": "cluster.service",
    "Settings": "cluster.settings",
}

__all__ = ["Batch", "Client", "Job", "Key", "ServiceInfo", "Settings"]


def __getattr__(name: str) -> object:
    # The command line's --help waits for neither Ray nor numba.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'cluster' has no attribute {name!r}")
