"""``fastpath-prover up``: start the service and say where everything is."""

from __future__ import annotations

import argparse
import time

from cluster import service
from cluster.exit_codes import ExitCode
from cluster.progress import kernels_shown
from cluster.rendering import Console, duration, fields
from cluster.settings import load_settings


def run(options: argparse.Namespace, console: Console) -> int:
    """Start the service, wait until it can prove, and print its addresses."""
    settings = load_settings(options.settings, config=options.config)
    console.note("starting Ray, its dashboard and the actors")
    started = time.perf_counter()
    with kernels_shown(console) as on_progress:
        info = service.start(settings, on_progress)
    elapsed_s = time.perf_counter() - started
    document = {
        "address": info.address,
        "namespace": info.namespace,
        "metrics_address": info.metrics_address,
        "dashboard_address": info.dashboard_address,
        "token_path": info.token_path,
        "pid": info.pid,
        "threads": settings.threads,
        "started_in_s": elapsed_s,
    }
    lines = [
        console.styled(f"The service is up, after {duration(elapsed_s)}.", "bold", "green"),
        *fields(
            {
                "metrics": info.metrics_address or "none",
                "dashboard": f"{info.dashboard_address}, with the token in {info.token_path}",
                "Ray": info.address,
                "namespace": info.namespace,
                "threads": str(settings.threads),
                "keys": str(settings.key_dir),
                "logs": str(settings.state_dir),
            }
        ),
        "",
        "Prove something:  fastpath-prover submit --circuit ringct --batch 16",
        "Stop it:          fastpath-prover down",
    ]
    console.result(document, "\n".join(lines))
    return ExitCode.OK
