"""Statistics in the Prometheus text format, under the names that dashboards of the first FastPath read.

::

    fastpath_txns_total 1000
    fastpath_latency_ms{quantile="0.50"} 3.1
    fastpath_latency_ms{quantile="0.90"} 5.2
    fastpath_latency_ms{quantile="0.95"} 5.9
    fastpath_latency_ms{quantile="0.99"} 8.4
    fastpath_latency_ms_sum 3470.2
    fastpath_latency_ms_count 1000
    fastpath_retries_total 50
    fastpath_queue_length 0
"""

from __future__ import annotations

import re
from typing import Final

from fastpath.errors import BadRequest
from fastpath.statistics import QUANTILES, FastPathStats

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def prometheus_text(stats: FastPathStats, prefix: str = "fastpath") -> str:
    """Return the statistics in the Prometheus text format, version 0.0.4.

    Quantiles of nothing are ``NaN``, as the format has it.

    Raises
    ------
    BadRequest
        If metric names cannot begin with ``prefix``.
    """
    if not _NAME.fullmatch(prefix):
        raise BadRequest(f"{prefix!r} cannot begin a metric name; use letters, digits, _ and :, no digit first")
    latency = stats.latency
    values = (latency.p50_ms, latency.p90_ms, latency.p95_ms, latency.p99_ms)
    lines = [
        f"# HELP {prefix}_txns_total Operations that ran to an end, good or bad.",
        f"# TYPE {prefix}_txns_total counter",
        f"{prefix}_txns_total {stats.executed}",
        f"# HELP {prefix}_latency_ms Milliseconds from arrival to end, waits and retries included.",
        f"# TYPE {prefix}_latency_ms summary",
        *(
            f'{prefix}_latency_ms{{quantile="{q:.2f}"}} {value if latency.count else "NaN"}'
            for q, value in zip(QUANTILES, values, strict=True)
        ),
        f"{prefix}_latency_ms_sum {latency.sum_ms}",
        f"{prefix}_latency_ms_count {latency.count}",
        f"# HELP {prefix}_retries_total Runs beyond the first of an operation.",
        f"# TYPE {prefix}_retries_total counter",
        f"{prefix}_retries_total {stats.retry_count}",
        f"# HELP {prefix}_queue_length Operations that wait for a worker.",
        f"# TYPE {prefix}_queue_length gauge",
        f"{prefix}_queue_length {stats.queue_length}",
    ]
    return "\n".join(lines) + "\n"
