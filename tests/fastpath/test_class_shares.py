import pytest

from fastpath.class_shares import LEAST_SHARE, ClassShares


def shares(*offered, taken=()):
    """Shares after so many seconds of each class were offered, and taken, at time 0."""
    made = ClassShares()
    for size, seconds in enumerate(offered):
        made.offered(0.0, "t", size, seconds, again=False, active=())
    for size, seconds in enumerate(taken):
        made.taken(0.0, "t", size, seconds)
    return made


def test_a_class_gets_the_part_that_was_offered_in_it_and_larger_ones_a_little_more():
    made = shares(45.0, 50.0)
    assert made.share("t", 1) / made.share("t", 0) == pytest.approx(1.07 * 50 / 45)
    assert made.share("t", 2) == LEAST_SHARE
    assert made.share("unknown", 0) == LEAST_SHARE


def test_a_class_of_which_less_was_taken_gets_more():
    even = shares(500.0, 500.0, taken=(200.0, 200.0))
    assert even.share("t", 1) / even.share("t", 0) == pytest.approx(1.07)
    uneven = shares(500.0, 500.0, taken=(250.0, 150.0))
    assert uneven.share("t", 1) / uneven.share("t", 0) == pytest.approx(1.07 * 250 / 150, rel=0.05)
    other_way = shares(500.0, 500.0, taken=(150.0, 250.0))
    assert other_way.share("t", 1) / other_way.share("t", 0) == pytest.approx(1.07 * 150 / 250, rel=0.05)


def test_the_correction_is_bounded():
    nothing = shares(5000.0, 5000.0, taken=(5000.0, 0.0))
    assert nothing.share("t", 1) / nothing.share("t", 0) == pytest.approx(1.07 * 4, rel=0.05)


def test_little_work_corrects_little():
    made = shares(1000.0, 5.0, taken=(500.0, 0.0))
    assert made.share("t", 1) == LEAST_SHARE
    few = shares(5.0, 5.0, taken=(5.0, 0.0))
    assert few.share("t", 1) / few.share("t", 0) == pytest.approx(1.07 * 2, rel=0.01)  # not 4: two jobs say little


def test_what_comes_back_counts_for_shares_and_not_for_their_correction():
    made = shares(500.0, 500.0, taken=(250.0, 250.0))
    before = made.share("t", 1)
    made.offered(0.0, "t", 0, 500.0, again=True, active=())
    made.offered(0.0, "t", 1, 500.0, again=True, active=())
    assert made.share("t", 1) == pytest.approx(before)
    made.offered(0.0, "t", 1, 1000.0, again=True, active=())
    assert made.share("t", 1) > before


def test_old_offers_fade_and_rates_are_told():
    made = shares(40.0, 10.0)
    made.offered(0.0, "u", 0, 30.0, again=False, active=())
    assert made.rate_of_all(0.0) == pytest.approx(made.rate_of_tenant(0.0, "t") + made.rate_of_tenant(0.0, "u"))
    assert made.rate(0.0, "t", 0) == pytest.approx(4 * made.rate(0.0, "t", 1))
    assert made.rate(1e4, "t", 0) == pytest.approx(0.0, abs=1e-9)
    assert made.rate(0.0, "nobody", 0) == 0.0
    made.offered(300.0, "t", 1, 10.0, again=False, active=())
    assert made.share("t", 1) > 0.9 - LEAST_SHARE


def test_tenants_with_jobs_are_not_forgotten():
    made = ClassShares()
    made.offered(0.0, "active", 0, 1.0, again=False, active=())
    for number in range(5000):
        made.offered(0.0, f"t{number}", 0, 1.0, again=False, active={"active"})
    assert made.rate(0.0, "active", 0) > 0
    assert made.rate(0.0, "t0", 0) == 0.0


def test_what_becomes_of_one_tenants_work_changes_nothing_for_another():
    made = shares(500.0, 500.0)
    made.offered(0.0, "noisy", 0, 500.0, again=False, active=())
    made.offered(0.0, "noisy", 1, 500.0, again=False, active=())
    before = made.share("t", 1)
    made.taken(0.0, "noisy", 0, 500.0)
    assert made.share("t", 1) == before
    assert made.share("noisy", 1) > before
