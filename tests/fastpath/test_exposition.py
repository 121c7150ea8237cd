import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fastpath.errors import BadRequest
from fastpath.exposition import prometheus_text
from fastpath.statistics import FastPathStats, Latency

STATS = FastPathStats(
    executed=7, failed=1, retry_count=2, queue_length=3, latency=Latency(7, 70.5, 9.0, 12.0, 13.0, 14.5, 15.0)
)


def test_names_and_labels_are_those_that_dashboards_read():
    lines = [line for line in prometheus_text(STATS).splitlines() if not line.startswith("#")]
    assert lines == [
        "fastpath_txns_total 7",
        'fastpath_latency_ms{quantile="0.50"} 9.0',
        'fastpath_latency_ms{quantile="0.90"} 12.0',
        'fastpath_latency_ms{quantile="0.95"} 13.0',
        'fastpath_latency_ms{quantile="0.99"} 14.5',
        "fastpath_latency_ms_sum 70.5",
        "fastpath_latency_ms_count 7",
        "fastpath_retries_total 2",
        "fastpath_queue_length 3",
    ]


def test_a_prometheus_parser_reads_it():
    families = {family.name: family for family in text_string_to_metric_families(prometheus_text(STATS, "my:service"))}
    assert {name: family.type for name, family in families.items()} == {
        "my:service_txns": "counter",
        "my:service_latency_ms": "summary",
        "my:service_retries": "counter",
        "my:service_queue_length": "gauge",
    }


def test_quantiles_of_nothing_are_not_a_number():
    (latency,) = [
        family
        for family in text_string_to_metric_families(prometheus_text(FastPathStats()))
        if family.name == "fastpath_latency_ms"
    ]
    assert all(math.isnan(sample.value) for sample in latency.samples if "quantile" in sample.labels)


@pytest.mark.parametrize("prefix", ["", "1st", "a b", "a\n", "é"])
def test_prefixes_that_cannot_begin_a_name_are_refused(prefix):
    with pytest.raises(BadRequest):
        prometheus_text(STATS, prefix)
