"""Latencies as they are measured: over all operations, by key, and by key and stage."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from fastpath.quantiles import QuantileSketch
from fastpath.statistics import Latency

_KEYS: Final = 64  # keys with a latency sketch of their own; the one without a result for longest is dropped
_STAGED_KEYS: Final = 16  # likewise, with one for each stage: reading a sketch takes a tenth of a millisecond


class _Sketch:
    """A sketch, and what was last read of it: most keys have not changed from one reading to the next."""

    __slots__ = ("_read", "seconds")

    def __init__(self) -> None:
        self.seconds = QuantileSketch()
        self._read = Latency()

    def latency(self) -> Latency:
        """Read it."""
        if self._read.count != self.seconds.count:
            self._read = Latency.of(self.seconds)
        return self._read


class LatencyRecorder:
    """Latency sketches over all operations and for the most recent keys, and the span they fell into."""

    def __init__(self) -> None:
        self._total = _Sketch()
        self._by_key: OrderedDict[str, _Sketch] = OrderedDict()
        self._by_stage: OrderedDict[str, dict[str, _Sketch]] = OrderedDict()
        self._first_arrival: float | None = None
        self._last_end = 0.0

    def arrived(self, now: float) -> None:
        """Take note of an arrival."""
        if self._first_arrival is None:
            self._first_arrival = self._last_end = now

    def ended(
        self, now: float, latency_s: float, key: str | None = None, stages_s: Mapping[str, float] | None = None
    ) -> None:
        """Take note of the end of an operation, and of the seconds that its stages took."""
        self._last_end = max(self._last_end, now)
        self._total.seconds.add(latency_s)
        if key is None:
            return
        self._by_key.setdefault(key, _Sketch()).seconds.add(latency_s)
        self._by_key.move_to_end(key)
        if len(self._by_key) > _KEYS:
            self._by_key.popitem(last=False)
        if stages_s:
            stages = self._by_stage.setdefault(key, {})
            for stage, seconds in stages_s.items():
                stages.setdefault(stage, _Sketch()).seconds.add(seconds)
            self._by_stage.move_to_end(key)
            if len(self._by_stage) > _STAGED_KEYS:
                self._by_stage.popitem(last=False)

    @property
    def latency(self) -> Latency:
        """Latency over all operations."""
        return self._total.latency()

    @property
    def latency_by_key(self) -> dict[str, Latency]:
        """Latency of the most recent keys."""
        return {key: sketch.latency() for key, sketch in self._by_key.items()}

    @property
    def latency_by_stage(self) -> dict[str, dict[str, Latency]]:
        """Time that the stages of the most recent keys took."""
        return {
            key: {stage: sketch.latency() for stage, sketch in stages.items()} for key, stages in self._by_stage.items()
        }

    @property
    def active_s(self) -> float:
        """Seconds from the first arrival to the last end."""
        return 0.0 if self._first_arrival is None else self._last_end - self._first_arrival
