"""Jobs of a call spread over its own thread and helpers."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kernels.cpu import threads
from kernels.cpu.threads import for_each

PATIENCE_S = 60


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("jobs", [0, 1, 2, 50])
def test_every_job_runs_once(count, jobs):
    done = []
    for_each(done.append, range(jobs), count)
    assert sorted(done) == list(range(jobs))


def test_the_caller_works_beside_a_helper():
    meeting, workers = threading.Barrier(2), []

    def meet(_):
        workers.append(threading.current_thread())
        meeting.wait(PATIENCE_S)

    for_each(meet, range(2), 2)
    assert threading.current_thread() in workers
    assert len(set(workers)) == 2


@pytest.mark.parametrize("callers", [True, False])
def test_an_error_is_raised_once_nothing_is_under_way(callers):
    meeting, begun, ended = threading.Barrier(2), [], []

    def fail(job):
        begun.append(job)
        if job < 2:
            meeting.wait(PATIENCE_S)
            if (threading.current_thread() is threading.main_thread()) is callers:
                ended.append(job)
                raise ValueError("failed")
        ended.append(job)

    with pytest.raises(ValueError, match="failed"):
        for_each(fail, range(1000), 2)
    assert sorted(begun) == sorted(ended)


def test_calls_within_calls_end(monkeypatch):
    monkeypatch.setattr(threads, "_shared", ThreadPoolExecutor(1))
    done = []
    for_each(lambda i: for_each(lambda j: done.append((i, j)), range(3), 2), range(3), 2)
    assert sorted(done) == [(i, j) for i in range(3) for j in range(3)]


def test_busy_helpers_are_not_waited_for(monkeypatch):
    with ThreadPoolExecutor(1) as busy:
        monkeypatch.setattr(threads, "_shared", busy)
        release = threading.Event()
        busy.submit(release.wait, PATIENCE_S)
        workers = set()
        for_each(lambda _: workers.add(threading.current_thread()), range(5), 2)
        release.set()
    assert workers == {threading.current_thread()}


@pytest.mark.skipif(not hasattr(threads.os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_helpers_of_its_own():
    script = """
import os, threading
from kernels.cpu.threads import for_each
for_each(lambda _: None, range(2), 2)
child = os.fork()
if child == 0:
    meeting = threading.Barrier(2)
    for_each(lambda _: meeting.wait(60), range(2), 2)
    os._exit(7)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 7)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=300)
