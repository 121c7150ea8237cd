"""The policies that are compared, each with the clients that belong to it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from benchmarks.fastpath.clients import Client, PatientClient, ServiceClient
from benchmarks.fastpath.control_plane import ControlPlane
from benchmarks.fastpath.figures import FASTPATH, ORIGIN
from benchmarks.fastpath.history import History
from benchmarks.fastpath.origin import OriginClient, OriginPolicy
from benchmarks.fastpath.policy import Policy
from benchmarks.fastpath.requests import Trace
from benchmarks.fastpath.simulation import Simulation
from fastpath.retry import RetryBudget

Contender = Callable[[Trace], tuple[Policy, Client]]

_AFTER_S = 60.0
"""How long a run is watched after the last arrival: four deadlines."""


def _jitter(trace: Trace) -> Random:
    return Random(f"client {trace.seed}")


CONTENDERS: dict[str, Contender] = {
    ORIGIN: lambda trace: (OriginPolicy(trace), OriginClient()),
    FASTPATH: lambda trace: (ControlPlane(trace), ServiceClient(trace.seed)),
}
IMPROVEMENTS: dict[str, Contender] = {
    ORIGIN: CONTENDERS[ORIGIN],
    "+ full jitter": lambda trace: (OriginPolicy(trace), OriginClient(_jitter(trace))),
    "+ retry budget of 10 %": lambda trace: (OriginPolicy(trace), OriginClient(_jitter(trace), RetryBudget())),
    "+ expired work is dropped": lambda trace: (
        OriginPolicy(trace, drops_expired=True),
        OriginClient(_jitter(trace), RetryBudget()),
    ),
    FASTPATH: CONTENDERS[FASTPATH],
}
"""The origin's policy, mended line by line, each on top of the ones above, and the service's."""


def run(trace: Trace, contender: Contender) -> History:
    """Let a contender live through a trace."""
    policy, client = contender(trace)
    return Simulation(trace, policy, client, trace.requests[-1].arrival_s + _AFTER_S).run()


def run_patient(trace: Trace) -> History:
    """Let the service live through a trace whose clients all come back once, when they were told to."""
    return Simulation(trace, ControlPlane(trace), PatientClient(trace.seed)).run()
