"""A Ray head of our own: started as a process, known by its id and start time, and ended by them alone.

``ray stop`` would end every Ray of the machine.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.settings import Settings
from fastpath.errors import Unavailable

_LOOPBACK: Final = "127.0.0.1"
_STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.1


@dataclass(frozen=True)
class Head:
    """A running head."""

    address: str
    pid: int
    started: int


def start(settings: Settings, timeout_s: float) -> Head:
    """Start a head on loopback and wait until it listens.

    Raises
    ------
    Unavailable
        If a port is taken, or it does not come up.
    """
    for name in ("ray_port", "dashboard_port", "metrics_port"):
        _require_free(name, getattr(settings, name))
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = settings.state_dir / "ray-head.log"
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
        *("--node-ip-address", _LOOPBACK, "--port", str(settings.ray_port)),
        *("--include-dashboard", "true", "--dashboard-host", _LOOPBACK),
        *("--dashboard-port", str(settings.dashboard_port)),
        # Sockets are in there, whose paths may have 107 characters: the state directory may be too deep.
        *("--temp-dir", tempfile.mkdtemp(prefix="fastpath-prover-")),
    ]
    if settings.object_store_mib:
        command += ["--object-store-memory", str(settings.object_store_mib << 20)]
    environment = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "FASTPATH_PROVER_METRICS_PORT": str(settings.metrics_port),
        "RAY_DASHBOARD_ENABLE_PROFILING": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=environment
        )
    head = Head(f"{_LOOPBACK}:{settings.ray_port}", process.pid, _start_time(process.pid) or 0)
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and process.poll() is None:
        if _listens(settings.ray_port) and _listens(settings.dashboard_port):
            return head
        time.sleep(_POLL_S)
    stop(head.pid, head.started)
    raise Unavailable(f"the Ray head did not come up; see {log}")


def runs(pid: int, started: int) -> bool:
    """Whether the process of that id is still the one that started then."""
    return pid > 0 and _start_time(pid) == started


def stop(pid: int, started: int) -> None:
    """End a head and all that it started; it is in a session of its own."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        if not runs(pid, started):
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, ending)
        end = time.monotonic() + _STOP_TIMEOUT_S
        while time.monotonic() < end and runs(pid, started):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # when it was started by this process
            time.sleep(_POLL_S)


def _start_time(pid: int) -> int | None:
    """Ticks since boot at which a process started (field 22 of its stat); None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_LOOPBACK, port)) == 0


def _require_free(name: str, port: int) -> None:
    if _listens(port):
        raise Unavailable(f"{name} {port} is taken on this machine; set another one, or stop what uses it")
