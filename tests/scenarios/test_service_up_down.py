"""The long-lived service as its operator sees it: up, submit, status, metrics, down, each a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.ray


@pytest.fixture
def command(tmp_path):
    """A function that runs a command against a service of this test's own."""
    ports = {f"FASTPATH_PROVER_{name}_PORT": str(free_port()) for name in ("RAY", "DASHBOARD", "METRICS")}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        **ports,
        "FASTPATH_PROVER_STATE_DIR": str(tmp_path / "state"),
        "FASTPATH_PROVER_KEY_DIR": str(tmp_path / "keys"),
        "PROVER_THREADS": "2",
    }

    def run(*arguments):
        process = subprocess.run(
            [sys.executable, "-m", "cluster.cli", *arguments, "--json"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=280,
            check=False,
        )
        assert process.stdout.count("\n") == 1, process.stderr
        return process.returncode, json.loads(process.stdout)

    yield run
    run("down", "--drain-timeout-s", "0")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def session_of(pid):
    """How many processes live in the session that a process leads; the dead that nobody has asked for do not count."""
    listed = subprocess.run(["ps", "-eo", "sid=,stat="], capture_output=True, encoding="utf-8", check=True).stdout
    return sum(sid == str(pid) and not state.startswith("Z") for sid, state in map(str.split, listed.splitlines()))


def fetch(address):
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address, timeout=10) as response:  # noqa: S310 - checked above
        return response.read().decode()


def test_a_service_outlives_the_commands_that_use_it_and_leaves_nothing_behind(command, tmp_path):
    assert command("status")[0] == 4
    assert command("submit", "--circuit", "multiply", "--batch", "1")[0] == 4

    code, up = command("up")
    assert code == 0
    assert session_of(up["pid"]) > 3
    assert Path(up["token_path"]).stat().st_mode & 0o777 == 0o600
    assert command("up")[0] == 2  # once is enough

    code, submitted = command("submit", "--circuit", "multiply", "--batch", "8", "--out", str(tmp_path / "proofs"))
    assert (code, submitted["proofs"], submitted["verified"]) == (0, 8, 8)
    assert len(list((tmp_path / "proofs").glob("*.proof"))) == 8

    code, status = command("status")
    assert code == 0
    assert status["stats"]["counters"]["completed"] == 8
    assert [worker["alive"] for worker in status["workers"]] == [True]
    exposed = fetch(up["metrics_address"]).splitlines()
    assert 'fastpath_jobs_total{state="done"} 8.0' in exposed
    assert "fastpath_txns_total 8.0" in exposed
    assert "Ray" in fetch(up["dashboard_address"])

    began = time.monotonic()
    assert command("down") == (0, {"stopped": True, "address": up["address"], "unfinished_jobs": 0})
    assert time.monotonic() - began < 25
    assert session_of(up["pid"]) == 0
    assert command("status")[0] == 4
