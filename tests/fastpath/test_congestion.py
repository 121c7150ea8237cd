import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.congestion import Congestion
from fastpath.errors import BadRequest


@pytest.mark.parametrize(
    ("length", "expected"), [(0, 1), (500, 1), (1000, 1), (2000, 2), (5000, 5), (10_000, 10), (99_999, 10)]
)
def test_the_scale_of_the_queue_length(length, expected):
    assert Congestion().multiplier(length) == expected


def test_delay_counts_like_length():
    congestion = Congestion(threshold=1000, target_delay_s=2.0)
    assert congestion.multiplier(0, 5.0) == 2.5
    assert congestion.multiplier(4000, 5.0) == 4
    assert congestion.is_congested(0, 2.1)
    assert not congestion.is_congested(1000, 2.0)


@given(st.integers(0, 20_000), st.floats(0, 1000))
def test_the_scale_has_no_steps(length, delay_s):
    congestion = Congestion()
    here = congestion.multiplier(length, delay_s)
    assert 1 <= here <= 10
    assert 0 <= congestion.multiplier(length + 1, delay_s) - here <= 0.001 + 1e-9


def test_wrong_thresholds_are_refused():
    for wrong in ({"threshold": 0}, {"target_delay_s": 0.0}):
        with pytest.raises(BadRequest):
            Congestion(**wrong)
