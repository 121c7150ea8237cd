"""A Ray head of our own: started as a process, known by its id and start time, and ended by them alone.

``ray stop`` would end every Ray of the machine. The head leads a session, to which all its processes belong.

Ray listens on all interfaces whatever address it is given, and whoever may talk to it can run code. Only holders of a
token may, and it is in a file that only this user can read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
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
_STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.1
_FOLDER_PREFIX: Final = "fastpath-prover-"
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
    folder
        Its sockets and logs; removed when it is stopped.
    """

    address: str
    pid: int
    started: int
    token_path: str
    folder: str


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
    # Sockets are in there, whose paths may have 107 characters: the state directory may be too deep.
    folder = tempfile.mkdtemp(prefix=_FOLDER_PREFIX)
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
        *("--port", str(settings.ray_port)),
        # Ports that nobody has to know: any free one, not the fixed ones that Ray fails on when they are taken.
        *("--ray-client-server-port", str(_any_port()), "--dashboard-agent-listen-port", "0"),
        *("--min-worker-port", "0", "--max-worker-port", "0"),
        # Bookkeeping: there is room for our threads, however few CPUs there are.
        *("--num-cpus", str(max(settings.threads, os.cpu_count() or 1))),
        *("--include-dashboard", "true", "--dashboard-host", _LOOPBACK),
        *("--dashboard-port", str(settings.dashboard_port)),
    ]
    if settings.object_store_mib:
        command += ["--object-store-memory", str(settings.object_store_mib << 20)]
    environment = {
        **os.environ,
        **_authorisation(token_path),
        "RAY_TMPDIR": folder,  # unlike --temp-dir also keeps the file by which any ray.init() would find this head
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",  # it would wait for our actors, which never end of themselves
        "FASTPATH_PROVER_METRICS_PORT": str(settings.metrics_port),
        "RAY_DASHBOARD_ENABLE_PROFILING": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=environment
        )
    head = Head(f"{_LOOPBACK}:{settings.ray_port}", process.pid, _start_time(process.pid) or 0, token_path, folder)
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and process.poll() is None:
        if _listens(settings.ray_port) and _listens(settings.dashboard_port):
            return head
        time.sleep(_POLL_S)
    stop(head)
    raise Unavailable(f"the Ray head did not come up: {_last_line(log)}; see {log}")


def runs(head: Head) -> bool:
    """Whether a head's first process is alive."""
    return _start_time(head.pid) == head.started


def stop(head: Head) -> None:
    """End a head and every process of its session, and no other; remove its folder."""
    if runs(head):
        with contextlib.suppress(ProcessLookupError):
            os.kill(head.pid, signal.SIGTERM)  # it ends the others
    end = time.monotonic() + _STOP_TIMEOUT_S
    while members := _session(head):
        if time.monotonic() > end:
            for member in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(head.pid, os.WNOHANG)  # when it was started by this process
        time.sleep(_POLL_S)
    if Path(head.folder).name.startswith(_FOLDER_PREFIX):
        shutil.rmtree(head.folder, ignore_errors=True)


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
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(32))
    return str(path)


def _session(head: Head) -> list[int]:
    """Living processes of the session that a head leads, or led before it ended."""
    if _start_time(head.pid) not in {None, head.started}:
        return []  # the id is a stranger's now, which it cannot become before our session is empty
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if (fields := _stat_fields(pid)) and int(fields[3]) == head.pid]


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


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


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
