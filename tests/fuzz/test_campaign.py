"""The search itself: it finds what is wrong, says how to see it again, and one seed makes the same cases."""

from __future__ import annotations

import numpy as np
import pytest

from kernels import get_backend
from kernels.cpu.portable import PortableBackend
from tests.fuzz import hostile, points, scalars
from tests.fuzz.campaign import CHECKS, run_campaign, run_case
from tests.fuzz.case import Case


class Wrong(PortableBackend):
    """Right but for the sum of nine points."""

    name = "wrong"

    def msm(self, bases, scalars, threads=1, should_stop=None):
        """The sum, one bit of it changed if there are nine points."""
        result = super().msm(bases, scalars, threads, should_stop)
        if len(bases) == 9:
            result[..., 0] ^= np.uint64(1)
        return result


def with_wrong(_curve):
    return {"portable": get_backend("portable"), "wrong": Wrong()}


def test_a_wrong_backend_is_found_and_its_case_can_be_run_again():
    report = run_campaign(1, 60, {points.check_msm: 1}, with_wrong)
    assert "wrong differs" in report.failure
    assert "n=9" in report.failure
    number = report.cases.total() - 1
    assert f"make fuzz SEED=1 CASE={number}" in report.failure
    _, again = run_case(1, number, {points.check_msm: 1}, with_wrong)
    assert again in report.failure


def test_an_exception_is_a_finding():
    def fails(case: Case) -> None:
        case.note(n=3)
        raise ZeroDivisionError("by zero")

    report = run_campaign(5, 1, {fails: 1}, with_wrong)
    assert "(n=3)" in report.failure
    assert "ZeroDivisionError: by zero" in report.failure


def test_it_goes_on_until_its_time_is_over():
    report = run_campaign(3, 0.2, {scalars.check_arithmetic: 1}, with_wrong)
    assert not report.failure
    assert report.elapsed_s >= 0.2
    assert report.cases.total() > 1


@pytest.mark.parametrize("check", [check for check in CHECKS if check is not points.check_large_msm])
def test_every_check_runs(check):
    for number in range(2):
        name, wrong = run_case(11, number, {check: 1})
        assert not wrong, name


def test_points_that_must_be_refused_are_among_those_drawn():
    from kernels import BLS12_381, BN254

    for curve, group in ((BLS12_381, "g1"), (BLS12_381, "g2"), (BN254, "g2")):
        _, inside = hostile.points_of_the_curve(curve, group)
        assert 0 < sum(inside) < len(inside)
