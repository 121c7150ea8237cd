"""Deficit round robin with cost known when work is taken: every flow gets prover-seconds in proportion to its weight.

Each flow has an account. The flow whose turn it is takes work while its account is positive, and pays what the work
will cost, into debt if need be; then it is the next one's turn. Whenever a flow's turn comes its account grows by
quantum times weight. Over any time in which two flows always have work, what they got in proportion to their weights
differs by at most one quantum and one piece of work each.

A flow that runs out of work keeps its debt, which is paid off by the rounds that pass without it, so leaving and
returning gains nothing. Of credit, and of what it would have been given while it was away, it keeps no more than it is
allowed to: nothing among parties that compete; something where a flow is often empty only because its work comes in
large pieces.

References
----------
Shreedhar, Varghese: Efficient fair queueing using deficit round robin. SIGCOMM 1995. The variant with debt is surplus
round robin, Adiseshu, Parulkar, Varghese: A reliable and scalable striping protocol. SIGCOMM 1996.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

Flow = TypeVar("Flow", bound=Hashable)
_REMEMBERED: Final = 1024  # flows without work


class DeficitRoundRobin(Generic[Flow]):
    """Whose turn it is among flows with work. Choosing is O(1), O(flows) when all are in debt.

    Parameters
    ----------
    quantum_s
        What a flow of weight 1 gets a round.
    kept_s
        Credit that a flow keeps while it has no work.
    """

    def __init__(self, quantum_s: float = 1.0, kept_s: float = 0.0) -> None:
        self._quantum_s = quantum_s
        self._kept_s = kept_s
        self._weights: OrderedDict[Flow, float] = OrderedDict()  # in the order of their turns
        self._accounts: dict[Flow, float] = {}
        self._away: OrderedDict[Flow, tuple[float, float]] = OrderedDict()
        self._rounds = 0.0

    def __len__(self) -> int:
        return len(self._weights)

    def __iter__(self) -> Iterator[Flow]:
        return iter(self._weights)

    def __contains__(self, flow: object) -> bool:
        return flow in self._weights

    def weight(self, flow: Flow) -> float:
        """Return the weight of a flow with work."""
        return self._weights[flow]

    def activate(self, flow: Flow, weight: float) -> None:
        """Take in that a flow has work, or another weight than before."""
        if flow not in self._weights:
            self._accounts[flow] = self.account(flow, weight)
            self._away.pop(flow, None)
        self._weights[flow] = weight

    def account(self, flow: Flow, weight: float) -> float:
        """Return the account of a flow, or what it would be if the flow had work now."""
        if flow in self._accounts:
            return self._accounts[flow]
        account, since = self._away.get(flow, (0.0, self._rounds))
        earned = (self._rounds - since) * self._quantum_s * weight
        return min(self._kept_s, account + earned) + self._quantum_s * weight

    def meanwhile(self, own: Flow, own_weight: float, own_s: float, other: Flow, other_weight: float) -> float:
        """Predict what another flow gets, if it has so much, until a flow has got ``own_s``."""
        rounds = max(0.0, own_s - self.account(own, own_weight)) / own_weight
        return max(0.0, rounds * other_weight + self.account(other, other_weight))

    def deactivate(self, flow: Flow) -> None:
        """Take in that a flow has no work left."""
        del self._weights[flow]
        account = self._accounts.pop(flow)
        if account < 0 or self._kept_s:
            self._away[flow] = (account, self._rounds)
            if len(self._away) > _REMEMBERED:
                self._away.popitem(last=False)

    def turn(self) -> Flow | None:
        """Return the flow whose turn it is; ``None`` when none has work."""
        passed = 0
        while self._weights:
            flow = next(iter(self._weights))
            if self._accounts[flow] > 0:
                return flow
            if passed == len(self._weights):  # all are in debt: let the rounds pass at once that free nobody
                rounds = min(-self._accounts[f] / (self._quantum_s * w) for f, w in self._weights.items())
                self._pass_rounds(max(0.0, math.ceil(rounds) - 1.0))
                passed = 0
            self._next()
            passed += 1
        return None

    def pay(self, flow: Flow, cost_s: float) -> None:
        """Charge a flow for work that was taken."""
        self._accounts[flow] -= cost_s

    def _next(self) -> None:
        """End the turn of the first flow: it moves to the end, and its account grows for the next time."""
        flow = next(iter(self._weights))
        self._weights.move_to_end(flow)
        self._accounts[flow] += self._quantum_s * self._weights[flow]
        self._rounds += 1 / len(self._weights)

    def _pass_rounds(self, rounds: float) -> None:
        for flow, weight in self._weights.items():
            self._accounts[flow] += rounds * self._quantum_s * weight
        self._rounds += rounds
