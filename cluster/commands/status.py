"""``fastpath-prover status``: the running service, its workers, keys and figures."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from typing import Any

from cluster.client import Client
from cluster.exit_codes import ExitCode
from cluster.rendering import Console, byte_size, count, counted, duration, fields, rate
from cluster.service import ServiceInfo
from cluster.settings import load_settings
from fastpath.statistics import ServiceStats


def run(options: argparse.Namespace, console: Console) -> int:
    """Print what the service says of itself; without one the error is ``Unavailable``."""
    settings = load_settings(options.settings, config=options.config)
    with Client.connect(settings=settings) as client:
        info, stats, workers, keys = client.service_info(), client.stats(), client.workers(), client.list_keys()
    document = {
        "service": {
            "address": info.address,
            "namespace": info.namespace,
            "metrics_address": info.metrics_address,
            "dashboard_address": info.dashboard_address,
            "pid": info.pid,
            "token_path": info.token_path,
        },
        "stats": {
            **asdict(stats),
            "retry_rate": stats.retry_rate(),
            "success_rate": stats.success_rate(),
            "proofs_per_s": stats.estimated_tps(),
        },
        "workers": workers,
        "keys": keys,
    }
    console.result(document, _text(console, info, stats, workers, keys))
    return ExitCode.OK


def _text(
    console: Console,
    info: ServiceInfo,
    stats: ServiceStats,
    workers: list[dict[str, Any]],
    keys: list[dict[str, Any]],
) -> str:
    state = "draining" if stats.draining else "up"
    colour = "yellow" if stats.draining else "green"
    counters, latency = stats.counters, stats.latency
    lines = [
        console.styled(f"The service is {state}, for {duration(stats.uptime_s)}.", "bold", colour),
        *fields(
            {
                "metrics": info.metrics_address or "none",
                "dashboard": f"{info.dashboard_address}, with the token in {info.token_path}"
                if info.dashboard_address
                else "none",
                "Ray": info.address,
                "namespace": info.namespace,
            }
        ),
        "",
        console.styled("jobs", "bold"),
        *fields(
            {
                "waiting": _waiting(stats),
                "running": count(stats.in_flight),
                "proved": f"{count(counters.completed)} ({rate(stats.estimated_tps())} a second)",
                "failed": f"{count(stats.failed)}, expired {count(counters.expired)}, "
                f"cancelled {count(counters.cancelled)}, refused {count(counters.refused)}",
                "retries": f"{count(stats.retry_count)}, {count(counters.requeued)} of them after a lost worker",
                "held": f"{count(stats.held_jobs)} of {count(stats.max_jobs)} jobs, "
                f"{byte_size(stats.held_bytes)} of {byte_size(stats.max_bytes)}",
                "latency": f"p50 {duration(latency.p50_ms / 1000)}, p90 {duration(latency.p90_ms / 1000)}, "
                f"p95 {duration(latency.p95_ms / 1000)}, p99 {duration(latency.p99_ms / 1000)}"
                if latency.count
                else "nothing measured yet",
                "advice": f"{counted(stats.advice.slots, 'call')} at once for what arrives; the workers take "
                f"{count(sum(worker.slots for worker in stats.workers))}",
            }
        ),
        "",
        console.styled("workers", "bold"),
        *fields({worker["name"]: _worker(console, worker) for worker in workers}),
        "",
        console.styled("keys", "bold"),
        *(fields({**{key["key_id"][:16]: _key(key) for key in keys}, **_tables(keys)}) or ["  none yet"]),
    ]
    return "\n".join(lines)


def _waiting(stats: ServiceStats) -> str:
    delay = f" (a new one waits about {duration(stats.queue_delay_s)})" if stats.queue_delay_s else ""
    return f"{count(stats.queue_length)}{delay}"


def _worker(console: Console, worker: dict[str, Any]) -> str:
    if not worker["alive"]:
        return console.styled("does not answer; Ray restarts it", "red")
    return (
        f"{worker.get('backend', '?')}, {counted(worker.get('threads', 0), 'thread')}, pid {worker.get('pid', '?')}, "
        f"{counted(worker['completed'], 'proof')}, {counted(worker['jobs_in_flight'], 'job')} now, "
        f"lost {counted(worker['losses'], 'time')}{_threads(worker)}{_gpu(worker.get('gpu'))}"
    )


def _threads(worker: dict[str, Any]) -> str:
    has, wanted = worker.get("threads", 0), worker.get("wanted_threads", 0)
    if not wanted or wanted == has:
        return ""
    return (
        f", {counted(wanted, 'thread')} would do as much"
        if wanted < has
        else f", {counted(wanted, 'thread')} may do more"
    )


def _gpu(gpu: dict[str, Any] | None) -> str:
    if gpu is None:
        return ""
    if gpu["state"] == "healthy":
        return f", GPU {gpu['device']} from {counted(gpu['break_even'], 'point')} on"
    return f", GPU {gpu['state']}{': ' if gpu['reason'] else ''}{gpu['reason']}"


def _key(key: dict[str, Any]) -> str:
    if "error" in key:
        return f"damaged: {key['error']}"
    parameters = "".join(f" {name}={value}" for name, value in key["parameters"].items())
    mark = ", development setup" if key["development"] else ""
    loaded = "in memory" if key["loaded"] else "on disk"
    shared = sum(key.get("table_bytes", {}).values())
    tables = f", {byte_size(shared)} of shared tables" if shared else ""
    called = ", ".join(filter(None, [*key["names"], f"{key['circuit']}{parameters}"])) or "unnamed"
    return f"{called} on {key['curve']}, {counted(key['constraints'], 'constraint')}, {loaded}{tables}{mark}"


def _tables(keys: list[dict[str, Any]]) -> dict[str, str]:
    """Memory of all keys' shared tables in each node's object store; of a single node that is told key by key."""
    nodes = Counter[str]()
    for key in keys:
        nodes.update(key.get("table_bytes", {}))
    return {f"node {node[:11]}": f"{byte_size(size)} of shared tables" for node, size in sorted(nodes.items())}
