"""Metric families made from plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from fastpath.statistics import Latency


def counter(name: str, documentation: str, value: float) -> Metric:
    """Make a counter without labels."""
    return CounterMetricFamily(name, documentation, value=value)


def gauge(name: str, documentation: str, value: float) -> Metric:
    """Make a gauge without labels."""
    return GaugeMetricFamily(name, documentation, value=float(value))


def labelled(
    family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[tuple[str, ...], float]
) -> CounterMetricFamily | GaugeMetricFamily:
    """Fill a family with values by their labels."""
    for label, value in values.items():
        family.add_metric(label, float(value))
    return family


def summary(
    name: str,
    documentation: str,
    quantiles: tuple[str, ...],
    series: Iterable[tuple[dict[str, str], Latency]],
    scale: float,
) -> Metric:
    """Make a summary with quantiles, which prometheus_client's own family lacks; of nothing they are ``NaN``."""
    family = Metric(name, documentation, "summary")
    for labels, latency in series:
        values = (latency.p50_ms, latency.p90_ms, latency.p95_ms, latency.p99_ms)
        for quantile, value in zip(quantiles, values, strict=True):
            measured = value * scale if latency.count else float("nan")
            family.add_sample(name, {**labels, "quantile": quantile}, measured)
        family.add_sample(f"{name}_sum", labels, latency.sum_ms * scale)
        family.add_sample(f"{name}_count", labels, latency.count)
    return family
