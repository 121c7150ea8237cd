import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.cost import UNKNOWN_S, CostModel
from fastpath.errors import BadRequest


def model(*seconds, key="k", domain=0):
    made = CostModel()
    made.know_domain(key, domain)
    for value in seconds:
        made.measured(key, "cpu", "ifma", value)
    return made


def seconds(made, key="k", device="cpu"):
    return made.predict(key, device, "ifma").seconds


def test_the_first_measurements_count_alike():
    assert seconds(model(1.0, 2.0, 6.0)) == 3.0
    assert model(1.0, 2.0, 6.0).predict("k", "cpu", "ifma").measurements == 3


def test_an_outlier_fades():
    made = model(60.0, *[1.0] * 16)
    assert 1.0 < seconds(made) < 1.7


@given(st.lists(st.floats(0.001, 1e3), min_size=1, max_size=50))
def test_a_prediction_lies_within_what_was_measured(values):
    made = model(*values)
    cost = made.predict("k", "cpu", "ifma")
    assert min(values) * (1 - 1e-9) <= cost.seconds <= max(values) * (1 + 1e-9)
    assert 0 <= cost.deviation_s <= (max(values) - min(values)) * (1 + 1e-9)


def test_devices_and_backends_are_learned_apart():
    made = model(4.0)
    made.measured("k", "cuda", "cuda", 0.1)
    assert seconds(made) == 4.0
    assert made.predict("k", "cuda", "cuda").seconds == 0.1


def test_the_deviation_follows_the_spread():
    assert model(1.0, 1.0, 1.0).predict("k", "cpu", "ifma").deviation_s == 0.0
    assert (
        model(1.0, 3.0).predict("k", "cpu", "ifma").deviation_s == 2.0
    )  # the first was not off: nothing was predicted
    assert model(*[0.5, 1.5] * 20).predict("k", "cpu", "ifma").deviation_s > 0.3


def test_an_unmeasured_key_is_predicted_from_its_domain():
    made = model(domain=1 << 16)
    assert seconds(made) == pytest.approx(1.05, rel=0.01)
    made.measured("k", "cpu", "ifma", 4.0)
    made.know_domain("double", 1 << 17)
    assert seconds(made, "double") == pytest.approx(4.0 * 2 * 17 / 16)  # calibrated by the first
    assert made.predict("double", "cuda", "ifma").measurements == 0


def test_a_key_of_which_nothing_is_known_is_an_average_one():
    assert seconds(CostModel()) == UNKNOWN_S
    assert seconds(model(2.0), "other") == 2.0
    assert CostModel().overall_s is None


def test_memory_is_seeded_measured_and_raised_when_it_was_not_enough():
    made = model(domain=1000)

    def peak():
        return made.predict("k", "cpu", "ifma").peak_bytes

    assert peak() == 320_000
    made.out_of_memory("k", "cpu", "ifma")
    assert peak() == 480_000
    made.measured("k", "cpu", "ifma", 1.0, 800_000)
    assert peak() == 800_000
    made.measured("k", "cpu", "ifma", 1.0, 400_000)
    assert 400_000 < peak() < 800_000
    made.know_domain("double", 2000)
    assert made.predict("double", "cpu", "ifma").peak_bytes == 1_200_000


def test_memory_is_bounded():
    made = CostModel()
    for i in range(3_000):
        made.know_domain(f"k{i}", 8)
        made.measured(f"k{i}", "cpu", "ifma", 1.0)
    assert len(made._measured) == len(made._domains) == 1024


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_impossible_costs_are_refused(value):
    with pytest.raises(BadRequest):
        CostModel().measured("k", "cpu", "ifma", value)
