"""Cases one after the other, each from a seed and its number alone, until the time is over or one differs."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kernels import CURVES, Backend, Curve
from tests.fuzz import encodings, files, pairings, points, proofs, scalars
from tests.fuzz.case import Case, backends_of

Check = Callable[[Case], None]

CHECKS: dict[Check, float] = {
    points.check_msm: 30,
    points.check_large_msm: 0.3,
    points.check_multiply_base: 6,
    points.check_multiply_points: 8,
    points.check_in_subgroup: 6,
    points.check_on_curve: 6,
    scalars.check_ntt: 20,
    scalars.check_sparse_product: 12,
    scalars.check_arithmetic: 8,
    pairings.check_pairing_product: 10,
    pairings.check_pairing_equation: 6,
    proofs.check_proof: 12,
    encodings.check_encodings: 4,
    files.check_files: 8,
}
"""What is checked, and how often relative to one another."""


@dataclass
class Report:
    """What a campaign did.

    Attributes
    ----------
    failure
        The first difference, with how to reproduce it; empty if there was none.
    """

    cases: Counter[str] = field(default_factory=Counter)
    elapsed_s: float = 0.0
    failure: str = ""


def run_case(
    seed: int,
    number: int,
    checks: Mapping[Check, float] = CHECKS,
    backends: Callable[[Curve], Mapping[str, Backend]] = backends_of,
) -> tuple[str, str]:
    """Run one case and return its name and, if something is wrong, what."""
    rng = random.Random(f"{seed}/{number}")
    check = rng.choices(tuple(checks), tuple(checks.values()))[0]
    curve = rng.choice(CURVES)
    name = f"{check.__name__.removeprefix('check_')} on {curve.name}"
    case = Case(rng, curve, backends(curve))
    try:
        check(case)
    except Exception as error:  # noqa: BLE001 - whatever a backend raises on sound input is a finding
        shape = ", ".join(f"{key}={value}" for key, value in case.drawn.items())
        return name, f"{name} ({shape})\n  {type(error).__name__}: {error}"
    return name, ""


def run_campaign(
    seed: int,
    seconds: float,
    checks: Mapping[Check, float] = CHECKS,
    backends: Callable[[Curve], Mapping[str, Backend]] = backends_of,
    first: int = 0,
    heard: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Run cases from number ``first`` on; at least one."""
    report, started, number = Report(), time.monotonic(), first
    while True:
        name, wrong = run_case(seed, number, checks, backends)
        report.cases[name] += 1
        report.elapsed_s = time.monotonic() - started
        if wrong:
            report.failure = f"seed {seed}, case {number}: {wrong}\n  again: make fuzz SEED={seed} CASE={number}"
            return report
        heard(report)
        if report.elapsed_s >= seconds:
            return report
        number += 1
