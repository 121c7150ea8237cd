"""The self-test for machines with a card: every step ends in time, and what it found can be read."""

import sys
import time

import pytest

from benchmarks.gpu.selftest import STEPS, main
from benchmarks.gpu.steps import GRACE_S, Step, run_steps, summary
from kernels.cuda.inspection import inspect


def step(name, code, limit_s=60.0, **options):
    return Step(name, (sys.executable, "-c", code), limit_s, **options)


def test_all_steps_together_stay_under_eight_minutes():
    assert sum(one.limit_s for one in STEPS) + GRACE_S * len(STEPS) < 480


def test_a_step_that_hangs_is_ended_with_all_it_started(capfd, tmp_path):
    alive = tmp_path / "alive"
    child = f"import time, pathlib; [(pathlib.Path({str(alive)!r}).touch(), time.sleep(0.02)) for _ in iter(int, 1)]"
    hang = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        "print('hanging', flush=True)\n"
        "time.sleep(600)\n"
    )
    started = time.monotonic()
    results = run_steps([step("hangs", hang, 5.0), step("goes on", "print('here')")])
    assert time.monotonic() - started < 60
    assert [result.outcome for result in results] == ["TOOK TOO LONG", "good"]
    assert "hanging" in capfd.readouterr().out
    alive.unlink()
    time.sleep(0.5)
    assert not alive.exists()


def test_nothing_runs_behind_a_required_step_that_failed():
    results = run_steps([
        step("good", "pass", required=True),
        step("optional", "raise SystemExit(3)"),
        step("required", "raise SystemExit(1)", required=True),
        step("behind", "print('never')"),
    ])  # fmt: skip
    assert [result.outcome for result in results] == ["good", "FAILED", "FAILED", "not run"]
    lines = summary(results).splitlines()
    assert [line.split()[0] for line in lines] == ["good", "optional", "required", "behind", "all"]
    assert "FAILED" in lines[-1]


@pytest.mark.skipif(inspect().problem() is None, reason="this machine has a GPU: make gpu-selftest tests it")
def test_without_a_card_it_says_what_is_missing(capfd):
    assert main() == 1
    out = capfd.readouterr().out
    assert "fix:" in out
    assert out.count("not run") == len(STEPS) - 1
