"""Latency quantiles, retries and Prometheus text of FastPath, measured in process.

Jobs of mixed length (mostly 1 to 5 ms, some ten times longer) run on a small thread pool; some fail once with an error
that is worth a retry. Run it with ``python examples/fastpath_latency_demo.py``.
"""

from __future__ import annotations

import argparse
import random
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from fastpath import FastPathExecutor


class FailsOnce:
    """Work of a given length that raises ``ConnectionError`` the first time, if it is to fail."""

    def __init__(self, seconds: float, fails: bool) -> None:
        self.seconds = seconds
        self.fails = fails

    def __call__(self) -> None:
        """Work, then fail or not."""
        time.sleep(self.seconds)
        if self.fails:
            self.fails = False
            raise ConnectionError("this job fails once")


def mixed_jobs(count: int, failing: int, rng: random.Random) -> list[FailsOnce]:
    """Return jobs, nine in ten short, of which ``failing`` fail once."""
    will_fail = set(rng.sample(range(count), failing))
    lengths = [rng.uniform(0.001, 0.005) * (1 if rng.random() < 0.9 else 10) for _ in range(count)]
    return [FailsOnce(seconds, i in will_fail) for i, seconds in enumerate(lengths)]


def timed(executor: FastPathExecutor, job: FailsOnce) -> float:
    """Run a job with retries and return the milliseconds that its caller saw."""
    began = time.monotonic()
    executor.execute_with_retry(job)
    return 1000 * (time.monotonic() - began)


def main() -> None:
    """Run the jobs and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--failing", type=int, default=50, help="jobs that fail once")
    parser.add_argument("--threads", type=int, default=8, help="threads that submit; half of them run at once")
    options = parser.parse_args()
    if not (0 <= options.failing <= options.jobs and options.jobs > 0 and options.threads > 0):
        parser.error("--jobs and --threads must be positive and --failing between 0 and --jobs")

    jobs = mixed_jobs(options.jobs, options.failing, random.Random(2024))  # noqa: S311 - a workload, no secret
    executor = FastPathExecutor(concurrency=max(1, options.threads // 2), retryable_errors=(ConnectionError,))
    longest_queue = 0
    finished = threading.Event()

    def watch_queue() -> None:
        nonlocal longest_queue
        while not finished.wait(0.001):
            longest_queue = max(longest_queue, executor.stats().queue_length)

    watcher = threading.Thread(target=watch_queue)
    watcher.start()
    began = time.monotonic()
    with ThreadPoolExecutor(options.threads) as pool:
        seen_ms = sorted(pool.map(lambda job: timed(executor, job), jobs))
    elapsed_s = time.monotonic() - began
    finished.set()
    watcher.join()

    stats = executor.stats()
    print(f"{stats.executed} jobs on {options.threads} threads in {elapsed_s:.2f} s ({stats.estimated_tps():.0f}/s)")
    print(f"failed {stats.failed}, retries {stats.retry_count} ({stats.retry_rate():.2%})")
    print(f"longest queue seen {longest_queue}")
    print()
    print("latency in ms, waits and retries included: the sketch beside the sorted list of what the callers saw")
    print(f"  {'':8}{'sketch':>8}{'sorted':>8}{'apart':>8}")
    answers_ms = (stats.p50_ms, stats.p90_ms, stats.p95_ms, stats.p99_ms)
    for percent, answer_ms in zip((50, 90, 95, 99), answers_ms, strict=True):
        exact_ms = seen_ms[percent * (len(seen_ms) - 1) // 100]
        print(f"  {f'p{percent}':8}{answer_ms:8.2f}{exact_ms:8.2f}{abs(answer_ms / exact_ms - 1):8.2%}")
    print(f"  {'average':8}{stats.average_latency_ms:8.2f}{statistics.fmean(seen_ms):8.2f}")
    print()
    print(executor.export_prometheus(), end="")


if __name__ == "__main__":
    main()
