"""``fastpath-prover down``: stop the service that ``up`` started."""

from __future__ import annotations

import argparse

from cluster import service
from cluster.exit_codes import ExitCode
from cluster.rendering import Console, count, duration
from cluster.settings import load_settings
from fastpath.errors import Unavailable


def run(options: argparse.Namespace, console: Console) -> int:
    """Let the service finish what it has, then stop it; when none runs, that is what was asked for."""
    settings = load_settings(options.settings, config=options.config)
    info = service.discover(settings)
    unfinished = 0 if info is None else _drain(info, settings.drain_timeout_s, console)
    service.stop(settings)
    address = info.address if info else None
    text = f"The service at {address} has stopped." if info else "No service was running."
    if unfinished:
        text += f" {count(unfinished)} jobs were not finished and are lost; submit them again."
    console.result({"stopped": info is not None, "address": address, "unfinished_jobs": unfinished}, text)
    return ExitCode.OK


def _drain(info: service.ServiceInfo, timeout_s: float, console: Console) -> int:
    console.note(f"letting it finish what it has, for {duration(timeout_s)} at most")
    try:
        return service.drain(info, timeout_s)
    except Unavailable as error:  # a service that is half dead must be stoppable too
        console.note(f"it cannot be asked: {error}")
        return 0
