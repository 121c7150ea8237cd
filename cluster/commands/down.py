"""``fastpath-prover down``: stop the service that ``up`` started."""

from __future__ import annotations

import argparse

from cluster import service
from cluster.exit_codes import ExitCode
from cluster.rendering import Console
from cluster.settings import load_settings


def run(options: argparse.Namespace, console: Console) -> int:
    """Stop the service; when none runs, that is what was asked for."""
    settings = load_settings(options.settings, config=options.config)
    stopped = service.stop(settings)
    address = stopped.address if stopped else None
    text = f"The service at {address} has stopped." if stopped else "No service was running."
    console.result({"stopped": stopped is not None, "address": address}, text)
    return ExitCode.OK
