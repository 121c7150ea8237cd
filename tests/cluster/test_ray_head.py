import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cluster import ray_head
from cluster.ray_head import Head
from cluster.settings import Settings
from fastpath.errors import Unavailable


@pytest.fixture
def settings(tmp_path):
    return Settings(state_dir=tmp_path / "state", ray_port=free_port(), dashboard_port=free_port())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def head_of(process, folder=""):
    return Head("", process.pid, ray_head._start_time(process.pid), "", str(folder))


@pytest.fixture
def session():
    """A leader that ignores SIGTERM, with a child in a process group of its own, as Ray's workers are."""
    child = "import os, time; os.setpgid(0, 0); time.sleep(600)"
    leader = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"subprocess.Popen([sys.executable, '-c', {child!r}]); print('ready', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", leader], start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    yield process
    for pid in ray_head._session(head_of(process)):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_all_processes_of_the_session_end_and_no_other(monkeypatch, session, tmp_path):
    monkeypatch.setattr(ray_head, "_STOP_TIMEOUT_S", 0.3)
    folder = tmp_path / "fastpath-prover-x"
    folder.mkdir()
    head = head_of(session, folder)
    end = time.monotonic() + 10
    while len(ray_head._session(head)) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        ray_head.stop(head)
        assert not ray_head.runs(head)
        assert ray_head._session(head) == []
        assert bystander.poll() is None
        assert not folder.exists()
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_that_only_has_the_same_id_is_left_alone(session):
    head = head_of(session)
    stranger = replace(head, started=head.started - 1)
    assert not ray_head.runs(stranger)
    ray_head.stop(stranger)
    assert session.poll() is None


def test_a_folder_of_another_name_is_left_alone(monkeypatch, session, tmp_path):
    monkeypatch.setattr(ray_head, "_STOP_TIMEOUT_S", 0.3)
    head = head_of(session, tmp_path)
    ray_head.stop(head)
    assert tmp_path.exists()


def test_why_a_head_did_not_start_is_quoted(monkeypatch, settings):
    monkeypatch.setattr(ray_head.sys, "executable", "/bin/false")
    with pytest.raises(Unavailable, match=r"did not come up: it said nothing; see .*ray-head\.log"):
        ray_head.start(settings, 5.0)


@pytest.mark.parametrize("name", ["ray_port", "dashboard_port", "metrics_port"])
def test_a_port_that_is_taken_is_named(settings, name):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        changed = Settings(state_dir=settings.state_dir, **{name: port})
        with pytest.raises(Unavailable, match=f"{name} {port} is taken"):
            ray_head.start(changed, 1.0)


def test_the_token_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = ray_head._token(tmp_path)
    token = (tmp_path / "ray-token").read_text(encoding="utf-8")
    assert len(token) == 64
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert ray_head._token(tmp_path) == path
    assert (tmp_path / "ray-token").read_text(encoding="utf-8") == token
