"""One randomised case: what it drew, and that every backend gives the wanted answer."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernels import BN254, Backend, Curve, get_backend
from kernels.cpu.features import has_ifma
from kernels.cpu.ifma import IfmaBackend


class Difference(Exception):  # noqa: N818 - what the search is for
    """A backend gave another answer than the oracle."""


@dataclass
class Case:
    """What a check draws from, and reports to.

    Attributes
    ----------
    drawn
        The shape of the case, for whoever reads of a difference.
    """

    rng: random.Random
    curve: Curve
    backends: Mapping[str, Backend]
    drawn: dict[str, object] = field(default_factory=dict)

    def note(self, **shape: object) -> None:
        """Record what was drawn."""
        self.drawn.update(shape)

    def agree(self, compute: Callable[[Backend], Any], wanted: Any = None, *, emulate: bool = True) -> Any:
        """Compute on every backend; all must give ``wanted``, or, if that is None, what the first one gives.

        Without ``emulate`` the lanes' slow definition is left out.
        """
        for name, backend in self.backends.items():
            if name == "emulated" and not emulate:
                continue
            got = compute(backend)
            if wanted is None:
                wanted = got
            elif not np.array_equal(got, wanted):
                raise Difference(f"{name} differs{_place(got, wanted)}")
        return wanted


def _place(got: Any, wanted: Any) -> str:
    if not isinstance(got, np.ndarray) or np.shape(got) != np.shape(wanted):
        return f": {got!r} instead of {wanted!r}"
    places = np.argwhere(np.asarray(got) != np.asarray(wanted))
    return f" in {len(places)} words, first at {places[0].tolist()}" if places.size else ""


@functools.cache
def backends_of(curve: Curve) -> dict[str, Backend]:
    """What is compared on a curve: one lane, eight lanes if the CPU has them, and, on BN254, their definition."""
    found: dict[str, Backend] = {"portable": get_backend("portable")}
    if has_ifma():
        found["ifma"] = get_backend("ifma")
    if curve is BN254:
        found["emulated"] = IfmaBackend(native=False)
    return found
