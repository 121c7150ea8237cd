"""Metric families made from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from fastpath.statistics import QUANTILES, Latency

Labels = TypeVar("Labels", str, tuple[str, str])
"""One label, or two: their names for a family, their values for a sample."""

_QUANTILES: Final = tuple(str(q) for q in QUANTILES)
_S_PER_MS: Final = 1e-3


def counter(name: str, documentation: str, value: float) -> Metric:
    """Make a counter without labels."""
    return CounterMetricFamily(name, documentation, value=value)


def gauge(name: str, documentation: str, value: float) -> Metric:
    """Make a gauge without labels."""
    return GaugeMetricFamily(name, documentation, value=float(value))


def counters(name: str, documentation: str, labels: Labels, values: Mapping[Labels, float]) -> Metric:
    """Make a counter of each value."""
    return _filled(CounterMetricFamily(name, documentation, labels=_tuple(labels)), values)


def gauges(name: str, documentation: str, labels: Labels, values: Mapping[Labels, float]) -> Metric:
    """Make a gauge of each value."""
    return _filled(GaugeMetricFamily(name, documentation, labels=_tuple(labels)), values)


def summary(
    name: str,
    documentation: str,
    latency: Latency,
    quantiles: tuple[str, ...] = _QUANTILES,
    scale: float = _S_PER_MS,
) -> Metric:
    """Make a summary with quantiles, which prometheus_client's own family lacks; of nothing they are ``NaN``.

    Parameters
    ----------
    scale
        Of the metric's unit in a millisecond: 0.001 for seconds.
    """
    family = Metric(name, documentation, "summary")
    _add(family, {}, latency, quantiles, scale)
    return family


def summaries(name: str, documentation: str, labels: Labels, values: Mapping[Labels, Latency]) -> Metric:
    """Make a summary of each value, in seconds."""
    family = Metric(name, documentation, "summary")
    for label, latency in values.items():
        _add(family, dict(zip(_tuple(labels), _tuple(label), strict=True)), latency, _QUANTILES, _S_PER_MS)
    return family


def _add(family: Metric, labels: dict[str, str], latency: Latency, quantiles: tuple[str, ...], scale: float) -> None:
    times_ms = (latency.p50_ms, latency.p90_ms, latency.p95_ms, latency.p99_ms)
    for quantile, time_ms in zip(quantiles, times_ms, strict=True):
        measured = time_ms * scale if latency.count else float("nan")
        family.add_sample(family.name, {**labels, "quantile": quantile}, measured)
    family.add_sample(f"{family.name}_sum", labels, latency.sum_ms * scale)
    family.add_sample(f"{family.name}_count", labels, latency.count)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[Labels, float]) -> Metric:
    for label, value in values.items():
        family.add_metric(_tuple(label), float(value))
    return family


def _tuple(labels: str | tuple[str, str]) -> tuple[str, ...]:
    return (labels,) if isinstance(labels, str) else labels
