"""A Ray head of our own: started as a process, known by its id and start time, and ended by them alone.

``ray stop`` would end every Ray of the machine. The head leads a session, to which all its processes belong.

Ray listens on all interfaces whatever address it is given, and whoever may talk to it can run code. Only holders of a
token may, and it is in a file that only this user can read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # compiled, without stubs

from cluster.settings import Settings
from fastpath.errors import Unavailable

_LOOPBACK: Final = "127.0.0.1"
_STOP_TIMEOUT_S: Final = 40.0  # Ray drains for up to 30 s
_POLL_S: Final = 0.1
_TOKEN_FILE: Final = "ray-token"  # noqa: S105 - its name


@dataclass(frozen=True)
class Head:
    """A running head.

    Attributes
    ----------
    started
        When its first process started: a process id alone may be another's by now.
    token_path
        File of the token that Ray asks of its clients, and the dashboard of browsers.
    """

    address: str
    pid: int
    started: int
    token_path: str


def start(settings: Settings, timeout_s: float) -> Head:
    """Start a head and wait until it listens.

    Raises
    ------
    Unavailable
        If a port is taken, or it does not come up.
    """
    for name in ("ray_port", "dashboard_port", "metrics_port"):
        _require_free(name, getattr(settings, name))
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = settings.state_dir / "ray-head.log"
    token_path = _token(settings.state_dir)
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
        *("--port", str(settings.ray_port)),
        *("--ray-client-server-port", str(_any_port())),  # not used; unless told, Ray takes 10001 or fails
        # Bookkeeping: there is room for our threads, however few CPUs there are.
        *("--num-cpus", str(max(settings.threads, os.cpu_count() or 1))),
        *("--include-dashboard", "true", "--dashboard-host", _LOOPBACK),
        *("--dashboard-port", str(settings.dashboard_port)),
        # Sockets are in there, whose paths may have 107 characters: the state directory may be too deep.
        *("--temp-dir", tempfile.mkdtemp(prefix="fastpath-prover-")),
    ]
    if settings.object_store_mib:
        command += ["--object-store-memory", str(settings.object_store_mib << 20)]
    environment = {
        **os.environ,
        **_authorisation(token_path),
        "RAY_USAGE_STATS_ENABLED": "0",
        "FASTPATH_PROVER_METRICS_PORT": str(settings.metrics_port),
        "RAY_DASHBOARD_ENABLE_PROFILING": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=environment
        )
    head = Head(f"{_LOOPBACK}:{settings.ray_port}", process.pid, _start_time(process.pid) or 0, token_path)
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
    """End a head and every process of its session, and no other."""
    if runs(pid, started):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)  # it drains, and ends the others
    end = time.monotonic() + _STOP_TIMEOUT_S
    while members := _session(pid, started):
        if time.monotonic() > end:
            for member in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # when it was started by this process
        time.sleep(_POLL_S)


def authorise(token_path: str) -> None:
    """Let this process talk to the head whose token is in that file; to be called before it connects."""
    os.environ.update(_authorisation(token_path))
    Config.initialize("")  # Ray has read the environment when it was imported
    AuthenticationTokenLoader.instance().reset_cache()


def _authorisation(token_path: str) -> dict[str, str]:
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token_path}


def _token(folder: Path) -> str:
    """Path of the token, which is made if there is none."""
    path = folder / _TOKEN_FILE
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    return str(path)


def _session(pid: int, started: int) -> list[int]:
    """Living processes of the session that a head leads, or led before it ended."""
    if _start_time(pid) not in {None, started}:
        return []  # the id is a stranger's now, which it cannot become before our session is empty
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [member for member in pids if (fields := _stat_fields(member)) and int(fields[3]) == pid]


def _start_time(pid: int) -> int | None:
    """Ticks since boot at which a process started; None when it is gone or a zombie."""
    fields = _stat_fields(pid)
    return int(fields[19]) if fields else None


def _stat_fields(pid: int) -> list[str]:
    """Fields of a process' stat from the third on; empty when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return [] if fields[0] in {"Z", "X"} else fields


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_LOOPBACK, port)) == 0


def _require_free(name: str, port: int) -> None:
    if _listens(port):
        raise Unavailable(f"{name} {port} is taken on this machine; set another one, or stop what uses it")
