import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *arguments],
        cwd=ROOT,
        env={**os.environ, "PROVER_THREADS": "2"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=240,
    )


def test_the_pool_demo_shows_every_batch_and_the_same_threads():
    shown = run("prover_pool_demo.py", "--batches", "3", "--batch", "4", "--depth", "1", "--coins", "1")
    assert shown.returncode == 0, shown.stderr
    batches = re.findall(r"^(\d+) +([\d.]+) +([\d.]+) +(\d+) +(\d+) +(\d+)$", shown.stdout, re.MULTILINE)
    assert [int(batch[0]) for batch in batches] == [1, 2, 3]
    for _, seconds, proofs_per_s, mean_ms, longest_ms, threads in batches:
        assert float(seconds) * float(proofs_per_s) == pytest.approx(4, rel=0.2)
        assert int(mean_ms) <= int(longest_ms)
        assert 1 <= int(threads) <= 2
    assert "pool: 12 tasks" in shown.stdout
    assert re.search(r"threads: [12] made all 12 proofs: prover-worker?-[01]", shown.stdout)


@pytest.mark.ray
def test_the_key_cache_demo_shows_that_views_cost_no_memory():
    shown = run("proving_key_cache_demo.py", "--depth", "2", "--coins", "2", "--readers", "2")
    assert shown.returncode == 0, shown.stderr
    uses = re.findall(r"^(\w+) +\d+ +([\d.]+) +([\d.]+) +\d+x$", shown.stdout, re.MULTILINE)
    assert [name for name, _, _ in uses] == ["multiply", "ringct"]
    assert all(float(first_s) > float(reuse_ms) / 1000 for _, first_s, reuse_ms in uses)
    key_mib = float(re.search(r"one key of ringct: ([\d.]+) MiB", shown.stdout)[1])
    grown = dict(re.findall(r"with (\w+) +own memory of a reader grew by +(-?[\d.]+)", shown.stdout))
    assert float(grown["views"]) < key_mib / 3
    assert float(grown["copies"]) > key_mib / 2


@pytest.mark.parametrize(
    ("script", "arguments"),
    [("prover_pool_demo.py", ["--batch", "0"]), ("proving_key_cache_demo.py", ["--readers", "0"])],
)
def test_impossible_options_are_refused(script, arguments):
    shown = run(script, *arguments)
    assert shown.returncode == 2
    assert "must be positive" in shown.stderr
