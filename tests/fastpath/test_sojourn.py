import math

import pytest

from fastpath.errors import BadRequest
from fastpath.job import Job
from fastpath.sojourn import Sojourn, SojournPolicy


def job(deadline):
    return Job("b-0", "b", 0, "k", 5, deadline, 0.0, 0)


def test_only_a_standing_delay_counts_and_one_fresh_job_ends_it():
    sojourn = Sojourn(SojournPolicy(limit=0.5, interval_s=2.0))
    seen = []
    for now, deadline in [(4, 10), (6, 10), (7, 10), (8.1, 10), (9, 10), (9, 20), (9.5, 10)]:
        sojourn.observe(now, job(deadline))
        seen.append(sojourn.newest_first)
    assert seen == [False, False, False, True, True, False, False]


def test_without_a_deadline_there_is_no_limit():
    sojourn = Sojourn(SojournPolicy())
    for now in range(0, 10_000, 100):
        sojourn.observe(now, job(math.inf))
    assert not sojourn.newest_first


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 1.0}, {"interval_s": 0}])
def test_wrong_policies_are_refused(wrong):
    with pytest.raises(BadRequest):
        SojournPolicy(**wrong)
