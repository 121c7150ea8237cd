"""The most accessed keys of a stream, in memory that does not grow with the number of keys.

Space-Saving with k counters and randomised admission: a key without a counter takes over the least one, of count c,
count included, with probability 1 / (c + 1). In plain Space-Saving every such key does, the least counter then grows
with the whole tail of the stream, and on Zipf 1.1 over 100,000 keys it overtakes the tenth key: 64 counters find 9.5 of
the 10 hottest. With it they find all ten from 50,000 accesses on. A key was accessed at least ``count - error`` times;
``count`` is an estimate, and an upper bound as long as no key was left without a counter.

With a half-life every access fades: one that is h half-lives old counts 2^-h. All counters fade alike, so none is
touched for it; instead a new access at time t adds 2^(t / half-life), and what is read is divided by that (forward
decay).

References
----------
Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k elements in data streams. ICDT 2005.
Ben Basat, Einziger, Friedman, Kassner: Randomized admission policy for efficient top-k and frequency estimation.
INFOCOM 2017.
Cormode, Shkapenyuk, Srivastava, Xu: Forward decay. ICDE 2009.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Final

from fastpath.errors import BadRequest

_RESCALE_AT: Final = 64.0  # half-lives: 2^64 leaves a double room for as many accesses again


@dataclass(frozen=True, slots=True)
class HotKey:
    """A frequent key: it was accessed at least ``count - error`` times, and ``count`` times as far as is known."""

    key: str
    count: float
    error: float


class HotKeys:
    """Counts accesses with ``counters`` counters. Tracking is O(counters) at worst, O(1) for a key that has one.

    Parameters
    ----------
    rng
        Decides which keys take over a counter; one with a fixed seed if none is given.
    half_life_s
        Age at which an access counts half; infinite for counts that do not fade.
    """

    def __init__(self, counters: int = 64, rng: Random | None = None, half_life_s: float = math.inf) -> None:
        if counters < 1:
            raise BadRequest(f"counters is {counters!r}; it must be at least 1")
        if not half_life_s > 0:
            raise BadRequest(f"half_life_s is {half_life_s!r}; it must be positive")
        self._counters = counters
        self._rng = rng or Random(0)  # noqa: S311 - a tie break, no secret
        self._half_life_s = half_life_s
        self._landmark = 0.0
        self._hot: dict[str, HotKey] = {}

    def track(self, key: str, accesses: int = 1, now: float = 0.0) -> None:
        """Count accesses of ``key``. ``now`` is in monotonic seconds; without a half-life it does not matter."""
        scale = self._scale(now)
        known = self._hot.get(key)
        if known is None and len(self._hot) < self._counters:
            known = HotKey(key, 0, 0)
        elif known is None:
            least = min(self._hot.values(), key=lambda hot: hot.count)
            if self._rng.random() * (least.count / scale + 1) >= accesses:
                return
            del self._hot[least.key]
            known = HotKey(key, least.count, least.count)
        self._hot[key] = HotKey(key, known.count + accesses * scale, known.error)

    def get(self, top_k: int, now: float = 0.0) -> list[HotKey]:
        """Return up to ``top_k`` keys as of ``now``, the most accessed first."""
        scale = self._scale(now)
        hottest = sorted(self._hot.values(), key=lambda hot: (-hot.count, hot.error, hot.key))[: max(top_k, 0)]
        return [HotKey(hot.key, hot.count / scale, hot.error / scale) for hot in hottest]

    def count(self, key: str, now: float = 0.0) -> float:
        """Return the estimated accesses of a key; 0 for one without a counter."""
        known = self._hot.get(key)
        return 0.0 if known is None else known.count / self._scale(now)

    def reset(self) -> None:
        """Forget all accesses."""
        self._hot.clear()

    def _scale(self, now: float) -> float:
        """What an access at ``now`` adds. A clock that stepped back is taken to stand."""
        age = (now - self._landmark) / self._half_life_s
        if age > _RESCALE_AT:
            faded = math.ldexp(1.0, -int(min(age, 2000.0)))
            self._hot = {key: HotKey(key, hot.count * faded, hot.error * faded) for key, hot in self._hot.items()}
            self._landmark += int(age) * self._half_life_s
            age -= int(age)
        return math.exp2(max(age, 0.0))
