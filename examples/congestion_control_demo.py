"""FastPath under load, measured in process: a normal load, a congested one, hot keys, and the recovery.

Each phase prints what became of its calls, the longest queue it saw and the highest position on the congestion scale
(1 to 10).
Run it with ``python examples/congestion_control_demo.py``.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from fastpath import Congestion, DeadlineExceeded, FastPathExecutor, Overloaded, QuantileSketch

SLOTS = 4
WORK_S = 0.004
DEADLINE_S = 0.08
CONGESTED_FROM = 8


@dataclass
class Seen:
    """What was seen of the queue while a phase ran."""

    longest_queue: int = 0
    most_congested: float = 1.0
    last_congested_at: float = 0.0


@contextmanager
def watched(executor: FastPathExecutor) -> Iterator[Seen]:
    """Look at the executor every millisecond."""
    seen, finished = Seen(), threading.Event()

    def watch() -> None:
        while not finished.wait(0.001):
            seen.longest_queue = max(seen.longest_queue, executor.stats().queue_length)
            seen.most_congested = max(seen.most_congested, executor.congestion_multiplier())
            if executor.is_congested():
                seen.last_congested_at = time.monotonic()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        finished.set()
        watcher.join()


class Callers:
    """Threads that call an executor without pause; a refused one comes back when it was told to."""

    def __init__(self, executor: FastPathExecutor) -> None:
        self._executor = executor
        self._lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        self.done_s = QuantileSketch()
        self.refused_s = QuantileSketch()

    def run(self, number: int, seconds: float) -> float:
        """Call for some time and return when the last call began."""
        end = time.monotonic() + seconds
        with ThreadPoolExecutor(number) as pool:
            for caller in [pool.submit(self._call_until, end) for _ in range(number)]:
                caller.result()
        return end

    def _call_until(self, end: float) -> None:
        while (began := time.monotonic()) < end:
            pause_s = 0.0
            try:
                self._executor.execute_with_congestion_control(time.sleep, WORK_S, deadline_s=DEADLINE_S)
            except Overloaded as refusal:
                pause_s = refusal.retry_after_s
                self._ended("refused", self.refused_s, began)
            except DeadlineExceeded:
                self._ended("late", None, began)
            else:
                self._ended("done", self.done_s, began)
            time.sleep(pause_s)

    def _ended(self, outcome: str, sketch: QuantileSketch | None, began: float) -> None:
        with self._lock:
            self.outcomes[outcome] += 1
            if sketch is not None:
                sketch.add(time.monotonic() - began)


def run_phase(name: str, executor: FastPathExecutor, callers: int, seconds: float) -> float:
    """Run one phase, print its line, and return how long after its last call the queue was congested, in seconds."""
    calls = Callers(executor)
    with watched(executor) as seen:
        end = calls.run(callers, seconds)
    p50_s, p99_s = calls.done_s.quantiles(0.5, 0.99)
    refused = f"{1000 * calls.refused_s.quantile(0.99):.2f}" if calls.refused_s.count else "-"
    print(
        f"{name:11}{callers:8}{calls.outcomes['done']:7}{calls.outcomes['refused']:9}{calls.outcomes['late']:6}"
        f"{seen.longest_queue:7}{seen.most_congested:8.1f}x{1000 * p50_s:10.1f}{1000 * p99_s:8.1f}{refused:>13}"
    )
    return max(0.0, seen.last_congested_at - end)


def track_hot_keys(executor: FastPathExecutor, accesses: int, rng: random.Random) -> None:
    """Access 10,000 keys with Zipf's frequencies and print the hottest that the executor found."""
    keys = [f"key-{rank}" for rank in range(1, 10_001)]
    weights = [rank**-1.1 for rank in range(1, 10_001)]
    stream = rng.choices(keys, weights, k=accesses)
    began = time.perf_counter()
    for key in stream:
        executor.track_key_access(key)
    tracking_s = time.perf_counter() - began
    true = Counter(stream)
    truly_hottest = {key for key, _ in true.most_common(10)}
    found = executor.get_hot_keys(10)
    print(f"{accesses} accesses of {len(true)} keys, {1e6 * tracking_s / accesses:.1f} us each, 64 counters")
    print(f"  {'hottest':10}{'counted':>9}{'true':>8}")
    for hot in found[:5]:
        print(f"  {hot.key:10}{hot.count:9.0f}{true[hot.key]:8}")
    print(f"  {len(truly_hottest & {hot.key for hot in found})} of the 10 hottest keys found")
    executor.reset_hot_keys()
    print(f"  after the reset: {len(executor.get_hot_keys(10))} keys")


def main() -> None:
    """Run the phases and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each phase")
    options = parser.parse_args()
    if not options.seconds > 0:
        parser.error("--seconds must be positive")

    executor = FastPathExecutor(concurrency=SLOTS, congestion=Congestion(threshold=CONGESTED_FROM))
    print(
        f"{SLOTS} slots, {1000 * WORK_S:.0f} ms of work a call, deadline {1000 * DEADLINE_S:.0f} ms, "
        f"congested from {CONGESTED_FROM} waiting calls on\n"
    )
    print(f"{'':60}{'latency in ms':>18}{'refusal':>13}")
    print(
        f"{'phase':11}{'callers':>8}{'done':>7}{'refused':>9}{'late':>6}{'queue':>7}{'scale':>9}"
        f"{'p50':>10}{'p99':>8}{'p99 in ms':>13}"
    )
    run_phase("normal", executor, SLOTS, options.seconds)
    recovery_s = run_phase("congested", executor, 40 * SLOTS, options.seconds)
    run_phase("recovered", executor, SLOTS, options.seconds)
    print(f"\nthe queue was normal again {1000 * recovery_s:.0f} ms after the last call of the congested phase began\n")
    track_hot_keys(executor, round(25_000 * options.seconds), random.Random(7))  # noqa: S311 - a workload, no secret
    print(f"\n{executor.stats().summary()}")


if __name__ == "__main__":
    main()
