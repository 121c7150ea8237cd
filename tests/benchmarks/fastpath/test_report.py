"""Figures, bars and reports."""

import math
from dataclasses import replace

import pytest

from benchmarks.fastpath.figures import FASTPATH, GOODPUT, ORIGIN, Bar, Figure, summaries
from benchmarks.fastpath.history import jain_index
from benchmarks.fastpath.report import LaboratoryReport
from benchmarks.fastpath.sketches import lru_hit_ratio

FIGURES = [
    Figure(GOODPUT, policy, seed, value, "share", 4.0)
    for policy, values in ((ORIGIN, (0.1, 0.2, 0.3)), (FASTPATH, (0.97, 0.96, 0.99)))
    for seed, value in enumerate(values)
]


def test_a_bar_holds_when_it_holds_for_every_seed():
    assert Bar(GOODPUT, 0.96, at_least=True, x=4.0).reached(FIGURES)
    assert not Bar(GOODPUT, 0.97, at_least=True, x=4.0).reached(FIGURES)
    assert Bar(GOODPUT, 0.3, at_least=False, policy=ORIGIN).reached(FIGURES)
    assert not Bar(GOODPUT, 0.25, at_least=False, policy=ORIGIN).reached(FIGURES)


def test_a_bar_of_what_was_not_measured_is_not_reached():
    assert not Bar(GOODPUT, 0.0, at_least=True, x=2.5).reached(FIGURES)
    assert not Bar("returns", 0.0, at_least=True).reached([Figure("returns", FASTPATH, 1, math.nan)])


def test_a_summary_has_the_middle_and_both_ends():
    of_origin, of_fastpath = summaries(FIGURES)
    assert (of_origin.least, of_origin.median, of_origin.most) == (0.1, 0.2, 0.3)
    assert (of_fastpath.policy, of_fastpath.median, of_fastpath.seeds) == (FASTPATH, 0.97, 3)


def test_a_report_survives_its_file(tmp_path):
    never = Figure("recovery", ORIGIN, 1, math.inf, "s")
    report = LaboratoryReport("smallest", "now", {"cpu": "x"}, {"python": "y"}, [*FIGURES, never])
    report.write(tmp_path / "results.json")
    assert LaboratoryReport.read(tmp_path / "results.json") == report
    page = report.markdown(["picture.svg"])
    assert "| goodput | 0.2 (0.1 to 0.3) | 0.97 (0.96 to 0.99) |" in page
    assert "| recovery | never |  |" in page
    more = replace(report, figures=[*FIGURES, Figure(GOODPUT, FASTPATH, 0, 1.0, "share", 1.0)])
    assert "| 4 | 0.2 (0.1 to 0.3) | 0.97 (0.96 to 0.99) |" in more.markdown()
    assert "never s" not in page
    assert "never" in page
    assert "![picture](picture.svg)" in page


def test_plots_are_drawn_where_matplotlib_is(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.fastpath.plots import draw

    more = [Figure(GOODPUT, FASTPATH, 0, 0.5, "share", 1.0)]
    (path,) = draw([*FIGURES, *more], tmp_path)
    assert path.read_text(encoding="utf-8").startswith("<?xml")


def test_jain_and_lru_on_small_cases():
    assert jain_index([1, 1, 1, 1]) == 1.0
    assert jain_index([1, 0, 0, 0]) == 0.25
    assert lru_hit_ratio(["a", "b", "a", "c", "b"], 2) == pytest.approx(1 / 5)
