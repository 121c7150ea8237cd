"""What the demo says, and that it does not call a failure a success."""

import io
import json
from types import SimpleNamespace

import pytest

from cluster.commands import demo
from cluster.commands.demo import Measurement
from cluster.exit_codes import ExitCode
from cluster.rendering import Console


def measurement(circuit="ringct", **changes):
    return Measurement(
        **{
            "circuit": circuit,
            "parameters": {},
            "curve": "bls12_381",
            "constraints": 3735,
            "batch": 4,
            "proofs": 4,
            "verified": 4,
            "elapsed_s": 2.0,
            "proofs_per_s": 2.0,
            "p50_ms": 1000.0,
            "p90_ms": 1500.0,
            "p95_ms": 1600.0,
            "p99_ms": 1700.0,
            "retries": 0,
            "pool_tasks": 4,
            "pool_mean_ms": 350.0,
            "first_use_s": 1.5,
            "cached_use_s": 0.004,
            "verify_s": 0.03,
            **changes,
        }
    )


def run(monkeypatch, measured, as_json, **options):
    asked = []

    def measure(*arguments):
        asked.append(arguments[2:])
        return measured

    monkeypatch.setattr(demo, "_measure_all", measure)
    console = Console(as_json=as_json, out=io.StringIO(), log=io.StringIO())
    options = SimpleNamespace(**{"settings": {}, "config": None, "circuit": None, "batch": None, **options})
    return demo.run(options, console), console.out.getvalue(), asked[0]


def test_all_is_well(monkeypatch):
    code, text, asked = run(monkeypatch, [measurement(), measurement("multiply", constraints=1)], as_json=False)
    assert code == ExitCode.OK
    assert asked == (["ringct", "multiply"], None)
    assert "8 proofs, each verified twice" in text
    assert "3,735" in text
    assert "\033" not in text


def test_one_circuit_on_request(monkeypatch):
    assert run(monkeypatch, [measurement()], as_json=True, circuit="ringct", batch=7)[2] == (["ringct"], 7)


@pytest.mark.parametrize("changes", [{"proofs": 3, "verified": 3}, {"verified": 3}])
def test_a_missing_or_invalid_proof_is_a_failure(monkeypatch, changes):
    code, text, _ = run(monkeypatch, [measurement(**changes)], as_json=False)
    assert code == ExitCode.FAILED
    assert "Only 3 of 4 proofs" in text


def test_json_has_every_figure(monkeypatch):
    _, out, _ = run(monkeypatch, [measurement()], as_json=True)
    (entry,) = json.loads(out)["circuits"]
    wanted = "circuit proofs verified proofs_per_s p50_ms p90_ms p95_ms p99_ms retries pool_tasks pool_mean_ms"
    assert set(wanted.split()) <= entry.keys()
