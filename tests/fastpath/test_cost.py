import pytest

from fastpath.cost import CostModel


def test_unmeasured_keys_have_no_cost():
    assert CostModel().seconds("k") is None
    assert CostModel().overall is None


def test_a_slow_first_run_fades_within_a_few_calls():
    costs = CostModel()
    costs.measured("k", 30.0)
    assert costs.seconds("k") == 30.0
    for _ in range(12):
        costs.measured("k", 0.1)
    assert costs.seconds("k") < 1.5


def test_the_first_measurements_count_alike():
    costs = CostModel()
    for seconds in (1.0, 2.0, 3.0):
        costs.measured("k", seconds)
    assert costs.seconds("k") == pytest.approx(2.0)


def test_keys_are_apart_and_bounded():
    costs = CostModel()
    for key in range(2_000):
        costs.measured(str(key), float(key))
    assert costs.seconds("0") is None
    assert costs.seconds("1999") == 1999.0
    assert 0 < costs.overall < 2_000
