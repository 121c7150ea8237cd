"""The command that runs the laboratory, with two quick experiments."""

import json
import sys

import pytest

from benchmarks.fastpath import __main__ as laboratory
from benchmarks.fastpath import sketches


def test_a_run_writes_its_report_and_ends_with_1_when_a_bar_was_missed(tmp_path, monkeypatch, capsys):
    quick = {"quantiles": sketches.quantile_errors, "hot keys": sketches.hot_keys}
    monkeypatch.setattr(
        laboratory,
        "experiments",
        lambda _scope, seed: {
            name: lambda experiment=experiment: experiment(seed, 2000) for name, experiment in quick.items()
        },
    )
    command = ["laboratory", "--scope", "smallest", "--seeds", "2", "--processes", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as end:
        laboratory.main()
    assert end.value.code == 1  # what was not measured is missed
    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert {figure["seed"] for figure in content["figures"]} == {1, 2}
    reached = {bar["bar"]: bar["reached"] for bar in content["bars"]}
    assert reached["quantile error of fastpath: at most 0.01"]
    assert not reached["goodput at 4 of fastpath: at least 0.95"]
    assert "| quantile error |" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "missed: goodput at 4" in capsys.readouterr().out
