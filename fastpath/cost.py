"""What a job of each key costs, as measured."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_WEIGHT: Final = 0.25  # of a new measurement once there are four: half of the mean is younger than three calls
_KEYS: Final = 1024  # the least recently measured key beyond is forgotten


class CostModel:
    """Decayed mean of seconds per job, for every key and over all.

    The n-th measurement of a key weighs 1/n until that falls to 1/4, so the first ones count alike and an outlier,
    such as a first run that compiles, fades within a few calls.
    """

    def __init__(self) -> None:
        self._means: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._overall: float | None = None

    def measured(self, key_id: str, seconds: float) -> None:
        """Take in the seconds per job of one call."""
        mean, number = self._means.get(key_id, (0.0, 0))
        mean += max(_WEIGHT, 1 / (number + 1)) * (seconds - mean)
        self._means[key_id] = (mean, number + 1)
        self._means.move_to_end(key_id)
        if len(self._means) > _KEYS:
            self._means.popitem(last=False)
        self._overall = seconds if self._overall is None else self._overall + _WEIGHT * (seconds - self._overall)

    def seconds(self, key_id: str) -> float | None:
        """Return the predicted seconds of a job of this key; ``None`` if none was measured."""
        known = self._means.get(key_id)
        return None if known is None else known[0]

    @property
    def overall(self) -> float | None:
        """Predicted seconds of a job of any key; ``None`` if none was measured."""
        return self._overall
