"""The performance matrix: what the running service does, compared with the last recorded run.

Run it with ``python -m benchmarks.perf_matrix`` or ``make perf-matrix``.
"""
