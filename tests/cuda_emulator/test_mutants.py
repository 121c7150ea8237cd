"""Kernels that are right pass under every schedule; each with one thing left out is reported under every schedule."""

from __future__ import annotations

import pytest

from tests.cuda_emulator import DefectError, EmulatedDevice, Finding
from tests.cuda_emulator.mutable_kernels import MUTANTS, RUNS, Bench

SEEDS = (0, 1, 2, 3)
EVERY_MUTANT = [(name, number) for name, mutants in MUTANTS.items() for number in mutants]
STEP_LIMIT = 100_000


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("name", RUNS)
def test_right_kernels_are_right_and_unsuspected(name, checked):
    for seed in SEEDS:
        with EmulatedDevice(seed, checked=checked, step_limit=STEP_LIMIT) as device:
            assert RUNS[name](Bench(device), 0)
        assert not device.reports


@pytest.mark.parametrize("name", RUNS)
def test_code_without_optimisation_is_right_and_unsuspected(name):
    """It keeps variables in local memory and uses instructions that optimised code does not."""
    with EmulatedDevice(2, step_limit=STEP_LIMIT) as device:
        assert RUNS[name](Bench(device, "--device-debug"), 0)


@pytest.mark.parametrize(("name", "mutant"), EVERY_MUTANT, ids=[f"{name}-{number}" for name, number in EVERY_MUTANT])
def test_every_mutant_is_reported_under_every_schedule(name, mutant):
    for seed in SEEDS:
        device = EmulatedDevice(seed, step_limit=STEP_LIMIT)
        with pytest.raises(DefectError):
            RUNS[name](Bench(device), mutant)
        assert device.reports[0].kernel == name


@pytest.mark.parametrize(
    ("name", "mutant", "finding"),
    [
        ("histogram", 1, Finding.UNINITIALISED),
        ("histogram", 2, Finding.RACE_WRITE),
        ("histogram", 3, Finding.OUT_OF_BOUNDS),
        ("turned_tiles", 2, Finding.RACE_READ),
        ("warp_exchange", 4, Finding.WARP_MASK),
        ("local_digits", 1, Finding.UNINITIALISED),
        ("local_digits", 2, Finding.OUT_OF_BOUNDS),
        ("blocks", 1, Finding.RACE_WRITE),
        ("early_end", 1, Finding.BARRIER_AFTER_EXIT),
        ("endless", 1, Finding.ENDLESS),
    ],
)
def test_reports_say_what_is_wrong(name, mutant, finding):
    device = EmulatedDevice(0, step_limit=STEP_LIMIT)
    with pytest.raises(DefectError):
        RUNS[name](Bench(device), mutant)
    assert finding in {report.finding for report in device.reports}
