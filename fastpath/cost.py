"""What a job costs: seconds and peak bytes per (key, device, backend).

A key that was never measured is predicted from its evaluation domain: a proof over n points takes NTTs and MSMs, so
about n log2 n steps and memory for a few vectors of n scalars. How long a step takes, and how many bytes a point, is
calibrated on whatever has been measured on the same device and backend. A key without a known domain is taken for an
average one.

The n-th measurement weighs 1/n until that falls to 1/4, so the first ones count alike and an outlier, such as a first
run that compiles, fades within a few calls.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from fastpath.errors import BadRequest

_WEIGHT: Final = 0.25  # half of the mean is then younger than three calls
_KEYS: Final = 1024  # (key, device, backend) triples and domains; the least recently used beyond are forgotten
_STEP_S: Final = 1e-6  # of n log2 n, before anything was measured: 2^16 points in a second
_POINT_BYTES: Final = 320  # likewise: ten vectors of scalars
_GROWTH: Final = 1.5  # of the predicted peak after a device ran out of memory at it
UNKNOWN_S: Final = 0.1
"""Predicted seconds of a job while nothing at all is known; a lost worker takes longer than this to come back."""


@dataclass(frozen=True, slots=True)
class Cost:
    """A prediction for one job.

    Attributes
    ----------
    seconds, deviation_s
        Decayed mean and mean absolute deviation.
    peak_bytes
        Memory; 0 when nothing is known of it.
    measurements
        What the prediction rests on; 0 for one from domain or average.
    """

    seconds: float
    deviation_s: float = 0.0
    peak_bytes: float = 0.0
    measurements: int = 0


class _Mean:
    """Decayed mean; ``None`` before the first value."""

    __slots__ = ("count", "value")

    def __init__(self) -> None:
        self.value: float | None = None
        self.count = 0

    def add(self, value: float) -> float:
        """Take in a value; return how far it was off."""
        self.count += 1
        off = 0.0 if self.value is None else value - self.value
        self.value = value if self.value is None else self.value + max(_WEIGHT, 1 / self.count) * off
        return off


class _Measured:
    """What is known of one (key, device, backend)."""

    __slots__ = ("deviation", "peak_bytes", "seconds")

    def __init__(self) -> None:
        self.seconds = _Mean()
        self.deviation = _Mean()
        self.peak_bytes = 0.0


class CostModel:
    """Learns from calls what jobs cost; every answer is O(1)."""

    def __init__(self) -> None:
        self._measured: OrderedDict[tuple[str, str, str], _Measured] = OrderedDict()
        self._domains: OrderedDict[str, int] = OrderedDict()
        self._steps: dict[tuple[str, str], _Mean] = {}
        self._bytes: dict[tuple[str, str], _Mean] = {}
        self._overall = _Mean()

    def know_domain(self, key_id: str, domain_size: int) -> None:
        """Note the size of a key's evaluation domain; 0 says nothing."""
        if domain_size:
            self._domains[key_id] = domain_size
            _refresh(self._domains, key_id)

    def measured(self, key_id: str, device: str, backend: str, seconds: float, peak_bytes: int = 0) -> None:
        """Take in the seconds per job of one call, and the memory a job needed, if that was measured.

        Raises
        ------
        BadRequest
            If a value is negative or not finite.
        """
        if not 0 <= seconds < math.inf or peak_bytes < 0:
            raise BadRequest(f"a job cannot take {seconds!r} s and {peak_bytes!r} bytes")
        place = (key_id, device, backend)
        known = self._measured.setdefault(place, _Measured())
        _refresh(self._measured, place)
        first = known.seconds.value is None
        off = known.seconds.add(seconds)
        if not first:
            known.deviation.add(abs(off))
        self._overall.add(seconds)
        domain = self._domains.get(key_id)
        if domain is not None:
            self._steps.setdefault((device, backend), _Mean()).add(seconds / _steps(domain))
        if peak_bytes:
            # A peak counts at once and fades slowly: what was needed once may be needed again.
            known.peak_bytes = max(peak_bytes, known.peak_bytes + _WEIGHT * (peak_bytes - known.peak_bytes))
            if domain is not None:
                self._bytes.setdefault((device, backend), _Mean()).add(peak_bytes / domain)

    def out_of_memory(self, key_id: str, device: str, backend: str) -> None:
        """Take in that the predicted memory was not enough."""
        predicted = self.predict(key_id, device, backend).peak_bytes
        place = (key_id, device, backend)
        self._measured.setdefault(place, _Measured()).peak_bytes = _GROWTH * predicted
        _refresh(self._measured, place)

    def predict(self, key_id: str, device: str, backend: str) -> Cost:
        """Predict one job of a key on a device."""
        known = self._measured.get((key_id, device, backend))
        domain = self._domains.get(key_id)
        peak_bytes = known.peak_bytes if known is not None else 0.0
        if not peak_bytes and domain is not None:
            per_point = self._bytes.get((device, backend))
            peak_bytes = domain * (_POINT_BYTES if per_point is None else per_point.value or 0.0)
        if known is not None and known.seconds.value is not None:
            return Cost(known.seconds.value, known.deviation.value or 0.0, peak_bytes, known.seconds.count)
        if domain is not None:
            per_step = self._steps.get((device, backend))
            step_s = _STEP_S if per_step is None or per_step.value is None else per_step.value
            return Cost(_steps(domain) * step_s, peak_bytes=peak_bytes)
        return Cost(UNKNOWN_S if self._overall.value is None else self._overall.value, peak_bytes=peak_bytes)

    @property
    def overall_s(self) -> float | None:
        """Mean seconds of a job of any key; ``None`` if none was measured."""
        return self._overall.value


def _steps(domain: int) -> float:
    return domain * max(1.0, math.log2(domain))


def _refresh(kept: OrderedDict, key: object) -> None:  # type: ignore[type-arg]
    kept.move_to_end(key)
    if len(kept) > _KEYS:
        kept.popitem(last=False)
