"""The matrix in its smallest form, on the running service of the whole test run."""

import pytest

from benchmarks.fastpath.workloads import CONFLICTS
from benchmarks.matrix.comparison import Verdict
from benchmarks.matrix.report import MatrixReport, MatrixRun
from benchmarks.matrix.series import collect
from benchmarks.matrix.service_tests import ServiceTests
from benchmarks.perf_matrix import SIZES

pytestmark = pytest.mark.ray


def test_every_test_of_the_matrix_measures_the_running_service(client, tmp_path):
    tests = ServiceTests(client, SIZES["smallest"], tmp_path, threads=2)
    by_name = tests.by_name()
    assert len(by_name) == 6 + len(CONFLICTS)
    series = collect(by_name, SIZES["smallest"].rounds, lambda *_: None)
    values = {one.name: one.values for one in series}
    assert all(value >= 0 for of_rounds in values.values() for value in of_rounds)
    for name in ("latency p50", "latency p90", "latency p95", "latency p99", "key cache: first use", *_throughputs()):
        assert all(value > 0 for value in values[name]), name
    assert values["latency p50"] <= values["latency p99"]
    assert values["retry: jobs run again"][0] > 0
    assert min(values["key cache: first use over reuse"]) > 1
    assert sum(values["congestion: batches refused"]) > 0

    report = MatrixReport(MatrixRun("smallest", "now", {}, {}, series), None)
    assert {one.series.name for one in report.comparisons if one.verdict is Verdict.RIGHT} == {
        "retry: proofs that arrive",
        "retry: proofs that verify",
        "hot keys: the hottest is found",
        "pool reuse: one pool made all proofs",
        "end to end: proofs that verify here",
    }
    assert not report.failures


def _throughputs():
    return ("end to end: proofs", "pool reuse: proofs in batches", *(f"{name}: proofs" for name in CONFLICTS))
