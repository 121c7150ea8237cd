"""The suite in its smallest form, and what its report says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.goals import goals
from benchmarks.paired import OURS, Case, Result, Timing, measure
from benchmarks.report import Report

ROOT = Path(__file__).parents[2]
PEER = "py_arkworks_bls12381"

pytestmark = pytest.mark.timeout(900)  # where no kernel was compiled before, the first run compiles nearly all of them


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    command = [sys.executable, "-m", "benchmarks", "--scope", "smallest", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True)
    return out


def test_every_kind_of_case_is_measured_with_median_and_spread(directory):
    content = json.loads((directory / "results.json").read_text(encoding="utf-8"))
    results = {result["family"]: result for result in content["results"]}
    for curve in ("bls12_381", "bn254"):
        assert {
            f"multiplication {curve}_fp",
            f"MSM {curve} g1",
            f"NTT {curve}",
            f"product of pairings {curve}",
            f"verification {curve}",
            f"proof {curve}",
        } <= set(results)
    assert {"batch of multiply", "multiplications side by side"} <= set(results)
    timings = [timing for result in results.values() for timing in result["timings"].values()]
    assert all(timing["median_s"] > 0 <= timing["spread_s"] and timing["rounds"] == 3 for timing in timings)
    assert {OURS, PEER} <= set(results["MSM bls12_381 g1"]["timings"])
    assert all(seconds > 0 for seconds in results["proof bn254"]["phases"].values())


def test_a_report_says_where_it_was_made_and_what_is_missing(directory):
    content = json.loads((directory / "results.json").read_text(encoding="utf-8"))
    assert content["machine"]["cpu"]
    assert {"commit", "python", "numba"} <= set(content["versions"])
    assert content["backend"] in {"ifma", "portable"}
    assert "snarkjs" in content["skipped"]


def test_markdown_is_made_from_the_json(directory):
    report = Report.read(directory / "results.json")
    page = (directory / "report.md").read_text(encoding="utf-8")
    assert page.split("\n\n", 1)[1].startswith("### Machine and versions")
    assert report.markdown().split("### MSM", 1)[1] == page.split("### MSM", 1)[1]
    assert f"{PEER} / {OURS}" in page


def test_contenders_take_turns_and_the_first_round_does_not_count():
    calls = []

    def contender(name):
        return lambda: calls.append(name) or float(len(calls))

    result = measure(Case("f", 1, {"a": contender("a"), "b": contender("b")}), repeat=3, case_s=0)
    assert calls == ["a", "b"] * 4
    assert result.timings["a"] == Timing(5.0, 1.0, 3)


def test_a_goal_says_by_what_factor_it_is_missed():
    timings = {OURS: Timing(0.5, 0, 3), PEER: Timing(1.0, 0, 3)}
    (goal, *_) = [goal for goal in goals([Result("MSM bls12_381 g1", 1 << 10, timings)], []) if goal.measured]
    assert (goal.measured, goal.bound, goal.reached, goal.missed_by) == (2.0, 5, False, 2.5)
    assert not any(goal.reached for goal in goals([], []))
