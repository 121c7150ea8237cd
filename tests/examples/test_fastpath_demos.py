import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def test_the_latency_demo_prints_quantiles_retries_and_metrics():
    shown = run("fastpath_latency_demo.py", "--jobs", "200", "--failing", "10")
    assert shown.returncode == 0, shown.stderr
    assert "200 jobs" in shown.stdout
    assert "failed 0, retries 10 (5.00%)" in shown.stdout
    quantiles_ms = [float(value) for value in re.findall(r"^ +p\d\d +([\d.]+)", shown.stdout, re.MULTILINE)]
    assert len(quantiles_ms) == 4
    assert quantiles_ms[0] > 0
    assert quantiles_ms == sorted(quantiles_ms)
    metrics = shown.stdout[shown.stdout.index("# HELP") :]
    samples = {
        (sample.name, sample.labels.get("quantile")): sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }
    assert samples["fastpath_txns_total", None] == samples["fastpath_latency_ms_count", None] == 200
    assert samples["fastpath_retries_total", None] == 10
    assert samples["fastpath_latency_ms", "0.99"] == pytest.approx(quantiles_ms[3], abs=0.01)


def test_the_congestion_demo_shows_refusal_and_recovery():
    shown = run("congestion_control_demo.py", "--seconds", "0.6")
    assert shown.returncode == 0, shown.stderr
    phases = {
        name: (int(done), int(refused), float(scale))
        for name, done, refused, scale in re.findall(
            r"^(\w+) +\d+ +(\d+) +(\d+) +\d+ +\d+ +([\d.]+)x", shown.stdout, re.MULTILINE
        )
    }
    assert set(phases) == {"normal", "congested", "recovered"}
    for calm in ("normal", "recovered"):
        done, _, scale = phases[calm]
        assert done > 0
        assert scale == 1.0
    done, refused, scale = phases["congested"]
    assert done > 0
    assert refused > 0
    assert scale > 2
    assert "the queue was normal again" in shown.stdout
    assert re.search(r"key-1 +(\d+) +\1\n", shown.stdout)


@pytest.mark.parametrize(
    ("script", "arguments"),
    [("fastpath_latency_demo.py", ["--failing", "1001"]), ("congestion_control_demo.py", ["--seconds", "0"])],
)
def test_impossible_options_are_refused(script, arguments):
    shown = run(script, *arguments)
    assert shown.returncode == 2
    assert "must be" in shown.stderr
