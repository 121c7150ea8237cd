"""What counts as a regression."""

import pytest

from benchmarks.matrix.comparison import Verdict, compare
from benchmarks.matrix.report import MatrixReport, MatrixRun
from benchmarks.matrix.series import Kind, Series, Value, collect, reference_s

STEADY_REFERENCE = [0.1] * 5


def series(kind, values, reference_s=STEADY_REFERENCE, name="it"):
    return Series(name, "1/s", kind, list(values), list(reference_s))


def verdict(kind, now, then, **options):
    (one,) = compare([series(kind, now, **options)], [series(kind, then)])
    return one.verdict


THEN = [100.0] * 5


@pytest.mark.parametrize(
    ("kind", "now", "expected"),
    [
        (Kind.THROUGHPUT, [96, 95, 97, 96, 96], Verdict.STEADY),
        (Kind.THROUGHPUT, [94, 93, 94, 93, 94], Verdict.REGRESSION),
        (Kind.THROUGHPUT, [80, 94, 101, 85, 110], Verdict.SUSPECT),
        (Kind.THROUGHPUT, [120] * 5, Verdict.BETTER),
        (Kind.P99, [109] * 5, Verdict.STEADY),
        (Kind.P99, [112] * 5, Verdict.REGRESSION),
        (Kind.P99, [80, 112, 140, 112, 90], Verdict.SUSPECT),
        (Kind.P99, [50] * 5, Verdict.BETTER),
        (Kind.FIGURE, [1] * 5, Verdict.NONE),
        (Kind.EXACT, [1] * 5, Verdict.RIGHT),
        (Kind.EXACT, [1, 1, 0.99, 1, 1], Verdict.WRONG),
    ],
)
def test_bounds_and_spread_decide(kind, now, expected):
    assert verdict(kind, now, THEN) is expected


def test_a_machine_that_is_half_as_fast_is_no_regression():
    assert verdict(Kind.THROUGHPUT, [50] * 5, THEN, reference_s=[0.2] * 5) is Verdict.STEADY
    assert verdict(Kind.P99, [200] * 5, THEN, reference_s=[0.2] * 5) is Verdict.STEADY


def test_a_machine_that_is_busy_in_one_round_slows_its_reference_as_well():
    busy = [0.1, 0.1, 0.3, 0.1, 0.1]
    (one,) = compare([series(Kind.THROUGHPUT, [100, 100, 34, 100, 100], busy)], [series(Kind.THROUGHPUT, THEN)])
    assert one.verdict is Verdict.STEADY
    assert one.ratio == pytest.approx(1.0)


def test_what_was_not_recorded_is_not_judged():
    (one,) = compare([series(Kind.THROUGHPUT, THEN)], [series(Kind.THROUGHPUT, THEN, name="other")])
    assert (one.ratio, one.verdict) == (None, Verdict.NONE)


def test_tests_run_by_turns_beside_a_reference_and_the_first_round_does_not_count():
    calls = []

    def a_test(name):
        return lambda number: calls.append((name, number)) or [Value(name, float(number), "1/s")]

    collected = collect({"a": a_test("a"), "b": a_test("b")}, 2, lambda *_: None)
    assert calls == [("a", -1), ("b", -1), ("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert [one.values for one in collected] == [[0.0, 1.0]] * 2
    assert all(seconds > 0 for one in collected for seconds in one.reference_s)
    assert reference_s() > 0


def run(values, sizes="normal"):
    return MatrixRun(sizes, "now", {"cpu": "x"}, {"python": "y"}, [series(Kind.THROUGHPUT, values)])


def test_a_report_names_its_regressions_and_survives_its_file(tmp_path):
    run([50] * 5).write(tmp_path / "run.json")
    report = MatrixReport(MatrixRun.read(tmp_path / "run.json"), run(THEN))
    assert report.now == run([50] * 5)
    assert [one.series.name for one in report.failures] == ["it"]
    page = report.markdown(["ratios.svg"])
    assert "- it: regression" in page
    assert "0.500 ± 0.000" in page
    assert "![ratios](ratios.svg)" in page


def test_runs_of_different_size_are_not_compared():
    report = MatrixReport(run([50] * 5), run(THEN, sizes="smallest"))
    assert not report.failures
    assert "another size" in report.markdown()
    assert "No run was recorded" in MatrixReport(run(THEN), None).markdown()


def test_plots_are_drawn_where_matplotlib_is(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.matrix.plots import draw

    paths = draw(MatrixReport(run([50] * 5), run(THEN)).comparisons, tmp_path)
    assert all(path.read_text(encoding="utf-8").startswith("<?xml") for path in paths)
    assert len(paths) == 3
